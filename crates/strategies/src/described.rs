//! What a strategy keeps of a case.

use ndarray::Array2;

/// What a strategy keeps of a case when its prediction is gone. A whole dataset of these fits in
/// memory, where its predictions would not.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The case's id.
    pub case: String,
    /// The case's place, from 0, among all volumes to annotate, sorted by id.
    pub place: usize,
    /// Number of the query, from 1, and how many the run has in all.
    pub round: [usize; 2],
    /// Voxel size `[z, y, x]` in mm.
    pub spacing_mm: [f64; 3],
    /// Whether each slice is annotated already, `[D]`.
    pub annotated: Vec<bool>,
    /// The strategy's score of each slice, `[D]`, finite where the slice is not annotated.
    pub scores: Vec<f64>,
    /// What else the strategy keeps of each slice, `[D, F]`, finite.
    pub vectors: Array2<f64>,
}
