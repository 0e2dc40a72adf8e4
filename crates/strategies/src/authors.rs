//! What the authors' own code chose among some points (`tests/fixtures/authors.py`).

use crate::{Described, Pool, Quota};
use ndarray::Array2;
use serde::Deserialize;

/// One case whose slices are these points.
#[derive(Deserialize)]
pub(crate) struct AuthorsCase {
    points: Vec<Vec<f64>>,
    annotated: Vec<usize>,
    /// The cluster of each point.
    pub(crate) clusters: Vec<usize>,
    /// The radius of prob-cover.
    pub(crate) delta: f64,
    /// What was chosen, in that order.
    pub(crate) typiclust: Vec<usize>,
    pub(crate) prob_cover: Vec<usize>,
    pub(crate) core_set: Vec<usize>,
    #[serde(skip)]
    described: Option<Described>,
}

impl AuthorsCase {
    pub(crate) fn read() -> Self {
        let text = include_str!("../tests/fixtures/authors.json");
        let mut case: Self = serde_json::from_str(text).unwrap();
        let shape = (case.points.len(), case.points[0].len());
        let vectors = Array2::from_shape_vec(shape, case.points.concat()).unwrap();
        case.described = Some(Described {
            case: "points".to_owned(),
            place: 0,
            round: [1, 1],
            spacing_mm: [1.0; 3],
            annotated: (0..shape.0).map(|z| case.annotated.contains(&z)).collect(),
            scores: vec![0.0; shape.0],
            vectors,
        });
        case
    }

    /// As many slices are to be chosen as the authors' code chose.
    pub(crate) fn pool(&self) -> Pool<'_> {
        let described = self.described.as_ref().unwrap();
        Pool::new(vec![described], &Quota::of(self.core_set.len()))
    }
}
