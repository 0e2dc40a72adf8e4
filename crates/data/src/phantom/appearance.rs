//! The T2-weighted signal of a substance: contrast, texture and the scanner's bias field.
//!
//! Signals are relative to unmyelinated white matter (1.0) and follow what the term-age T2 scans
//! of the DCAN/ALBERT newborns show: cortex 0.8, deep grey 0.75, brainstem 0.7, cerebellum 0.85,
//! hippocampus 0.8, all with standard deviations of 0.15 and more; fluid about twice white matter.

use super::anatomy::Substance;
use super::noise::Point;
use super::subject::{Place, Subject};

/// Returns the mean signal in an ideal scan, before the subject's own contrast.
fn mean_signal(subject: &Subject, substance: Substance) -> f64 {
    use Substance::*;
    // In the youngest subjects grey and white matter have nearly the same signal.
    let grey = 0.8 - 0.12 * subject.maturity;
    match substance {
        Air => 0.0,
        Airway => 0.03,
        Csf => 1.75,
        Ventricle => 1.85,
        CorticalGrey => grey,
        WhiteMatter => 1.0,
        MyelinatedWhite => 0.68,
        CerebellarCortex => 0.74,
        CerebellarWhite => 0.92,
        CerebellarFissure => 1.15,
        Caudate => grey + 0.01,
        Putamen => grey - 0.02,
        Thalamus => grey - 0.07,
        Brainstem => 0.76,
        BrainstemTract => 0.6,
        Hippocampus => grey + 0.05,
        Amygdala => grey + 0.09,
        Skull => 0.16,
        Membrane => 0.6,
        Skin => 0.75,
        Fat => 1.1,
        Muscle => 0.7,
        Eye => 1.8,
        Lens => 0.3,
        Cord => 0.78,
        CordFluid => 1.6,
    }
}

/// Returns the signal of `substance` in a voxel, before bias field and noise.
pub(super) fn signal(subject: &Subject, substance: Substance, place: &Place) -> f64 {
    let mean = mean_signal(subject, substance) * subject.contrast[usize::from(substance.label())];
    if substance == Substance::Air {
        return mean;
    }
    // The texture has fine grain and slow drift. Fluid is homogeneous; fat and muscle are not.
    let (fine, slow) = match substance {
        Substance::Csf | Substance::Ventricle | Substance::Eye | Substance::CordFluid => {
            (0.03, 0.04)
        }
        Substance::Fat | Substance::Skin => (0.12, 0.12),
        // Streaks of fat run through muscle, so its signals include those of brain.
        Substance::Muscle => (0.4, 0.3),
        Substance::WhiteMatter => (0.04, 0.14),
        _ => (0.05, 0.09),
    };
    mean * (1.0 + fine * place.grain + slow * place.patch)
}

/// Returns the multiplicative bias field at scanner position `p`, in mm: the sum of a quadratic and
/// an irregular part.
pub(super) fn bias(subject: &Subject, p: Point) -> f64 {
    let u = [p[0] / 56.0, p[1] / 72.0, p[2] / 64.0];
    let c = subject.bias;
    let smooth = c[0] * u[0] + c[1] * u[1] + c[2] * u[2];
    let curved = c[3] * u[0] * u[0] + c[4] * u[1] * u[1] + c[5] * u[2] * u[2];
    (1.0 + smooth + curved + 0.08 * subject.bias_noise.value(p)).max(0.4)
}
