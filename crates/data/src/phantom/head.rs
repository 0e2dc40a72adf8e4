//! The head around the brain: skull, scalp, face, neck and spinal canal.
//!
//! All of it has one label. It makes brain extraction harder than a threshold: muscle has the
//! signal of cortex, and the cord that of the brainstem it continues. The dark skull between brain
//! and scalp is thin in places and open at the fontanelle.

use super::anatomy::{BRAINSTEM_END, Substance, hemispheres, substance_or_distance};
use super::noise::Point;
use super::shapes::{blend, ellipsoid, length, minus, rod};
use super::subject::{Place, Subject};

/// Whether `p` is air and more than `margin_mm` from the head. This quick test ignores detail, and
/// decides most of the field of view.
pub(super) fn is_far_outside(p: Point, margin_mm: f64) -> bool {
    let cranium = hemispheres(p).min(ellipsoid(p, [0.0, -34.0, -22.0], [34.0, 24.0, 22.0]));
    // The thickest rim, of skull and scalp together, is 14 mm.
    blend(cranium - 14.0, face_and_neck(p), 12.0) > margin_mm
}

/// Returns the substance at template position `p`, in mm, which lies in the voxel `place`.
pub(super) fn substance(subject: &Subject, place: &Place, p: Point) -> Substance {
    substance_or_distance(subject, place, p)
        .unwrap_or_else(|distance| outside_the_brain(subject, place, p, distance))
}

/// Returns skull, soft tissue or air at `distance` mm outside the brain's envelope.
fn outside_the_brain(subject: &Subject, place: &Place, p: Point, distance: f64) -> Substance {
    let skull_mm = (subject.skull_mm * (1.0 + 0.9 * place.patch)).max(0.4);
    let scalp_mm = subject.scalp_mm * (1.0 + 0.4 * place.relief);
    let head = blend(distance - skull_mm - scalp_mm, face_and_neck(p), 8.0);
    if head > 0.0 {
        return Substance::Air;
    }
    if head > -1.2 {
        return Substance::Skin;
    }
    if let Some(found) = cord_and_spine(subject, p) {
        return found;
    }
    if distance < skull_mm {
        // At the anterior fontanelle the skull's roof is open.
        let fontanelle = length([p[0], p[1] - 20.0, 0.0]) < 9.0 && p[2] > 20.0;
        return if fontanelle {
            Substance::Membrane
        } else {
            Substance::Skull
        };
    }
    if let Some(found) = face(p) {
        return found;
    }
    // Under the skin lies a layer of fat, and below it muscle with the bones of face and skull
    // base.
    if head > -4.5 - 1.5 * place.relief {
        Substance::Fat
    } else if place.grain + 0.5 * place.patch < -0.75 {
        Substance::Skull
    } else {
        Substance::Muscle
    }
}

/// Returns the signed distance to face and neck as one solid, cut by the lower edge of the field of
/// view.
fn face_and_neck(p: Point) -> f64 {
    let face = ellipsoid(p, [0.0, 27.0, -44.0], [35.0, 32.0, 36.0]);
    let neck = rod(p, [0.0, -16.0, -45.0], [0.0, -20.0, -110.0], 29.0, 27.0);
    blend(face, neck, 26.0)
}

fn face(p: Point) -> Option<Substance> {
    let mirrored = [p[0].abs(), p[1], p[2]];
    let eye = length(minus(mirrored, [17.5, 43.0, -25.0])) - 8.2;
    if length(minus(mirrored, [17.5, 48.0, -25.0])) < 2.6 {
        return Some(Substance::Lens);
    }
    if eye < 0.0 {
        return Some(Substance::Eye);
    }
    if eye < 1.1 {
        return Some(Substance::Skull);
    }
    if rod(mirrored, [17.0, 35.0, -25.0], [8.0, 18.0, -22.0], 1.8, 1.8) < 0.0 {
        return Some(Substance::Cord);
    }
    let nose = rod(mirrored, [3.0, 54.0, -38.0], [3.5, 20.0, -40.0], 2.6, 3.2);
    let pharynx = rod(p, [0.0, 18.0, -42.0], [0.0, 10.0, -90.0], 4.2, 5.0);
    if nose.min(pharynx) < 0.0 {
        return Some(Substance::Airway);
    }
    if eye < 4.0 {
        return Some(Substance::Fat);
    }
    (ellipsoid(p, [0.0, 34.0, -58.0], [15.0, 18.0, 9.0]) < 0.0).then_some(Substance::Muscle)
}

/// Returns the substance in the spinal canal, which continues the brainstem with the same signal
/// outside the brain.
fn cord_and_spine(subject: &Subject, p: Point) -> Option<Substance> {
    let q = minus(p, subject.offset[3]);
    if q[2] > BRAINSTEM_END + 4.0 {
        return None;
    }
    let axis = rod(q, [0.0, -18.5, -44.0], [0.0, -24.0, -110.0], 0.0, 0.0);
    if axis < 4.4 {
        Some(Substance::Cord)
    } else if axis < 6.6 {
        Some(Substance::CordFluid)
    } else if axis < 9.5 {
        Some(Substance::Skull)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_far_outside_is_air() {
        for number in 0..6 {
            let subject = Subject::new(1, number);
            for n in 0..40_000_i32 {
                let at = |step: i32, extent: i32| f64::from(n * step % extent - extent / 2);
                let place = subject.place([at(7, 131), at(31, 167), at(101, 149)]);
                if is_far_outside(place.middle, 0.0) {
                    let found = substance(&subject, &place, place.middle);
                    assert_eq!(
                        found,
                        Substance::Air,
                        "subject {number} at {:?}",
                        place.middle
                    );
                }
            }
        }
    }
}
