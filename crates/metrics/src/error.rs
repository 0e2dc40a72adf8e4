//! Why a measure cannot be computed.

/// What was wrong with the input, with the numbers that show it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// Two label maps that do not lie on one grid.
    #[error("label maps differ in shape [z, y, x]: {left:?} against {right:?}")]
    Shapes {
        /// Shape of the first map, `[z, y, x]`.
        left: Vec<usize>,
        /// Shape of the second map, `[z, y, x]`.
        right: Vec<usize>,
    },
    /// A label beyond the classes of the task.
    #[error("label {label} in {count} voxels, expected 0..{classes} ({classes} classes)")]
    UnknownLabel {
        /// The label.
        label: u8,
        /// Voxels that carry it.
        count: u64,
        /// Classes of the task, background included.
        classes: usize,
    },
    /// Paired samples of different lengths.
    #[error("paired samples differ in length: {left} against {right}")]
    Lengths {
        /// Values in the first sample.
        left: usize,
        /// Values in the second sample.
        right: usize,
    },
    /// Fewer values than the statistic needs.
    #[error("expected at least {needed} values, got {got}")]
    TooFew {
        /// The least number that the statistic is defined for.
        needed: usize,
        /// Values given.
        got: usize,
    },
    /// A NaN or an infinity.
    #[error("value {index} is {value}, expected a finite number")]
    NotFinite {
        /// Position in its sample, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// No variation, so that a correlation or a slope is undefined.
    #[error("all {count} values are equal: a correlation is undefined")]
    Constant {
        /// Values in the sample.
        count: usize,
    },
    /// A correlation that is none.
    #[error("correlation {0} is outside [-1, 1]")]
    Correlation(f64),
    /// A confidence level outside the open interval (0, 1).
    #[error("confidence {0} is outside (0, 1)")]
    Confidence(f64),
    /// A p-value that is none.
    #[error("p-value {index} is {value}, expected one in [0, 1]")]
    Probability {
        /// Position in its sample, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A curve whose x does not rise from point to point.
    #[error("x of point {index} is {value}, expected more than {before}, that of the point before")]
    NotAscending {
        /// Position in the curve, from 0.
        index: usize,
        /// x of the point before.
        before: f64,
        /// x of the point.
        value: f64,
    },
    /// A point before the place where all curves begin.
    #[error("x of point {index} is {value}, expected at least {start}, where all curves begin")]
    BelowStart {
        /// Position in the curve, from 0.
        index: usize,
        /// x of the point.
        value: f64,
        /// The smallest x of all curves.
        start: f64,
    },
    /// A ceiling that does not lie above the start of the curves.
    #[error("curves begin at {start}, expected less than their ceiling, {ceiling}")]
    NoRise {
        /// y where the curves begin.
        start: f64,
        /// y that they near.
        ceiling: f64,
    },
    /// A curve at or above the ceiling that it should near.
    #[error(
        "the points lie so near the ceiling, {ceiling}, or above it that no finite rate fits best"
    )]
    NoFiniteRate {
        /// y that the curve should near.
        ceiling: f64,
    },
}
