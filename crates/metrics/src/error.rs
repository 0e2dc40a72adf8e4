//! Errors of measures and statistics.

/// Why a measure cannot be computed, with the numbers that show it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// Two label maps differ in shape.
    #[error("label maps differ in shape [z, y, x]: {left:?} against {right:?}")]
    Shapes {
        /// Shape of the first map, `[z, y, x]`.
        left: Vec<usize>,
        /// Shape of the second map, `[z, y, x]`.
        right: Vec<usize>,
    },
    /// A label is beyond the classes of the task.
    #[error("label {label} in {count} voxels, expected 0..{classes} ({classes} classes)")]
    UnknownLabel {
        /// The label.
        label: u8,
        /// Number of voxels with this label.
        count: u64,
        /// Number of classes of the task, background included.
        classes: usize,
    },
    /// Paired samples differ in length.
    #[error("paired samples differ in length: {left} against {right}")]
    Lengths {
        /// Number of values in the first sample.
        left: usize,
        /// Number of values in the second sample.
        right: usize,
    },
    /// There are fewer values than the statistic needs.
    #[error("expected at least {needed} values, got {got}")]
    TooFew {
        /// The least number of values that the statistic is defined for.
        needed: usize,
        /// Number of values given.
        got: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {index} is {value}, expected a finite number")]
    NotFinite {
        /// Position in its sample, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A pair of run and case has two scores.
    #[error("score {index} is the second of its run and case, expected one of each pair")]
    Repeated {
        /// Position among the scores, from 0.
        index: usize,
    },
    /// All values are equal, so that a correlation or a slope is undefined.
    #[error("all {count} values are equal: a correlation is undefined")]
    Constant {
        /// Number of values in the sample.
        count: usize,
    },
    /// A correlation is outside [-1, 1].
    #[error("correlation {0} is outside [-1, 1]")]
    Correlation(f64),
    /// A confidence level is outside the open interval (0, 1).
    #[error("confidence {0} is outside (0, 1)")]
    Confidence(f64),
    /// A p-value is outside `[0, 1]`.
    #[error("p-value {index} is {value}, expected one in [0, 1]")]
    Probability {
        /// Position in its sample, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A curve's x does not rise from one point to the next.
    #[error("x of point {index} is {value}, expected more than {before}, that of the point before")]
    NotAscending {
        /// Position in the curve, from 0.
        index: usize,
        /// x of the previous point.
        before: f64,
        /// x of this point.
        value: f64,
    },
    /// A point lies before the start that all curves share.
    #[error("x of point {index} is {value}, expected at least {start}, where all curves begin")]
    BelowStart {
        /// Position in the curve, from 0.
        index: usize,
        /// x of this point.
        value: f64,
        /// The smallest x of all curves.
        start: f64,
    },
    /// The ceiling is not above the start of the curves.
    #[error("curves begin at {start}, expected less than their ceiling, {ceiling}")]
    NoRise {
        /// y at the start of the curves.
        start: f64,
        /// y that the curves approach.
        ceiling: f64,
    },
    /// A curve lies at or above the ceiling that it should approach.
    #[error(
        "the points lie so near the ceiling, {ceiling}, or above it that no finite rate fits best"
    )]
    NoFiniteRate {
        /// y that the curve should approach.
        ceiling: f64,
    },
    /// A voxel has no size along an axis, or an impossible one.
    #[error("spacing of axis {axis} is {value} mm, expected a finite number above 0")]
    Spacing {
        /// The axis: 0 for z of `[z, y, x]`, or for y of `[y, x]`.
        axis: usize,
        /// The spacing in mm.
        value: f64,
    },
    /// There is not one value for each slice.
    #[error("{what} for {got} slices, expected one for each of {slices}")]
    Slices {
        /// What there should be one of for each slice.
        what: &'static str,
        /// Number of values given.
        got: usize,
        /// Number of slices of the volume.
        slices: usize,
    },
}

/// Checks that each spacing in mm is a finite number above 0.
pub(crate) fn check_spacing(spacing_mm: &[f64]) -> Result<(), MetricsError> {
    for (axis, &value) in spacing_mm.iter().enumerate() {
        if !(value.is_finite() && value > 0.0) {
            return Err(MetricsError::Spacing { axis, value });
        }
    }
    Ok(())
}
