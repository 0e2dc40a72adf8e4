//! Tables of differences whose true mean is 0.

use crate::records::Setting;
use rand::Rng;

/// Numbers of folds, of seeds in each, and of cases in each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Design {
    pub(crate) folds: usize,
    pub(crate) seeds: usize,
    pub(crate) cases: usize,
}

const fn design(folds: usize, seeds: usize, cases: usize) -> Design {
    Design {
        folds,
        seeds,
        cases,
    }
}

/// Those of our sweeps: newborns and phantoms without folds, newborns in four folds, hippocampi.
pub(crate) const DESIGNS: [Design; 9] = [
    design(1, 5, 4),
    design(1, 10, 4),
    design(1, 3, 4),
    design(4, 2, 4),
    design(1, 3, 24),
    design(1, 3, 50),
    design(1, 10, 50),
    design(4, 1, 4),
    design(4, 10, 4),
];

impl Design {
    /// `4 × 2 × 4`.
    pub(crate) fn name(self) -> String {
        format!("{} × {} × {}", self.folds, self.seeds, self.cases)
    }
}

/// How effects and residuals are spread about 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// All are normal.
    Normal,
    /// Seeds and cases have Student's t with 4 degrees of freedom, and residuals are drawn from
    /// those of the records.
    Heavy,
}

impl Shape {
    pub(crate) const ALL: [Self; 2] = [Self::Normal, Self::Heavy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal effects and residuals",
            Self::Heavy => "effects with heavy tails, residuals of the records",
        }
    }
}

/// A table's scores: run, case and difference. Each fold has its own runs and cases.
pub(crate) type Scores = Vec<(usize, usize, f64)>;

/// Draws a table without a difference.
pub(crate) fn draw(design: Design, setting: &Setting, shape: Shape, rng: &mut impl Rng) -> Scores {
    let Design {
        folds,
        seeds,
        cases,
    } = design;
    let [between_runs, between_cases, residual] = setting.deviations;
    let effects = |n: usize, deviation: f64, rng: &mut _| -> Vec<f64> {
        (0..n).map(|_| deviation * effect(shape, rng)).collect()
    };
    let runs = effects(folds * seeds, between_runs, rng);
    let units = effects(folds * cases, between_cases, rng);
    let mut scores = Scores::with_capacity(folds * seeds * cases);
    for (run, of_run) in runs.into_iter().enumerate() {
        let fold = run / seeds;
        for (case, of_case) in units.iter().enumerate().skip(fold * cases).take(cases) {
            let left = match shape {
                Shape::Normal => normal(rng),
                Shape::Heavy => setting.residuals[rng.random_range(0..setting.residuals.len())],
            };
            scores.push((run, case, of_run + of_case + residual * left));
        }
    }
    scores
}

/// An effect of variance 1.
fn effect(shape: Shape, rng: &mut impl Rng) -> f64 {
    let normal = normal(rng);
    match shape {
        Shape::Normal => normal,
        Shape::Heavy => {
            // χ² with 4 degrees of freedom; t with 4 has variance 2.
            let (a, b): (f64, f64) = (rng.random(), rng.random());
            let square = -2.0 * ((1.0 - a) * (1.0 - b)).ln();
            normal / (square / 4.0).sqrt() / 2_f64.sqrt()
        }
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(rng: &mut impl Rng) -> f64 {
    let (a, b): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}
