//! The brain of the template: what lies at a point, in closed form.
//!
//! Template coordinates are millimetres `[x, y, z]` (right, anterior, superior) from the middle of
//! the cerebrum. Positions and sizes were chosen by eye and by volume from term-age T2 scans
//! (DCAN/ALBERT newborns, see the volume test in the parent module). The result is a test object
//! with the topology of a head, not an atlas.
//!
//! Only the cortex is more than a handful of solids. Sulci are the zero sets of noise fields that
//! hardly vary with depth, so they run inwards from the surface as sheets. The cortical ribbon is
//! all that lies within `cortex_mm` of the brain's surface or of such a sheet.

use super::noise::Point;
use super::shapes::{blend, carve, ellipsoid, length, minus, rod};
use super::subject::{Place, Subject};

/// The material at a point. It is finer than the labels, because signal varies within a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Substance {
    Air,
    Csf,
    CorticalGrey,
    WhiteMatter,
    Ventricle,
    CerebellarCortex,
    CerebellarWhite,
    CerebellarFissure,
    Caudate,
    Putamen,
    Thalamus,
    MyelinatedWhite,
    Brainstem,
    BrainstemTract,
    Hippocampus,
    Amygdala,
    Skull,
    Membrane,
    Skin,
    Fat,
    Muscle,
    Airway,
    Eye,
    Lens,
    Cord,
    CordFluid,
}

impl Substance {
    /// Returns the label in the dHCP's Draw-EM nine-tissue scheme; 0 is air around the head.
    pub(super) fn label(self) -> u8 {
        use Substance::*;
        match self {
            Air => 0,
            Csf => 1,
            CorticalGrey => 2,
            WhiteMatter | MyelinatedWhite => 3,
            Skull | Membrane | Skin | Fat | Muscle | Airway | Eye | Lens | Cord | CordFluid => 4,
            Ventricle => 5,
            CerebellarCortex | CerebellarWhite | CerebellarFissure => 6,
            Caudate | Putamen | Thalamus => 7,
            Brainstem | BrainstemTract => 8,
            Hippocampus | Amygdala => 9,
        }
    }
}

/// Middle and semi-axes of the ellipsoid that the cerebrum is cut from, in mm.
const CEREBRUM: (Point, Point) = ([0.0, -2.0, 4.0], [45.8, 57.5, 39.8]);
/// Height in mm below which the brainstem counts as spinal cord, outside the brain.
pub(super) const BRAINSTEM_END: f64 = -45.0;

/// Returns what lies at template position `p`, in mm, which is in the voxel `place`: a substance of the
/// brain, or the distance in mm to the brain's envelope, which is above 0 outside.
pub(super) fn substance_or_distance(
    subject: &Subject,
    place: &Place,
    p: Point,
) -> Result<Substance, f64> {
    let hemispheres = hemispheres(p);
    let hind = Hindbrain::at(subject, p);
    let envelope = blend(
        blend(hemispheres, hind.cerebellum, 7.0),
        hind.brainstem.max(BRAINSTEM_END - 1.0 - p[2]),
        6.0,
    ) - (subject.rim_mm * (1.0 + 0.6 * place.relief)).max(0.3);
    if envelope > 0.0 {
        return Err(envelope);
    }
    Ok(inside_the_brain(subject, place, p, hemispheres, &hind))
}

/// Returns the signed distance to both hemispheres, without folds and before the hindbrain is cut
/// out.
pub(super) fn hemispheres(p: Point) -> f64 {
    let body = ellipsoid(p, CEREBRUM.0, CEREBRUM.1);
    // The orbital surface is flat. Further back, the cerebellum and its tentorium shape the floor.
    let floor = (-11.0 - p[2]) + 0.05 * p[1].min(0.0);
    let upper = carve(body, floor, 7.0);
    let mirrored = [p[0].abs(), p[1], p[2]];
    let temporal = ellipsoid(mirrored, [27.0, 7.0, -13.0], [16.0, 27.0, 14.0]);
    blend(upper, temporal, 6.0)
}

/// Signed distances to the parts behind and below the cerebrum.
struct Hindbrain {
    cerebellum: f64,
    brainstem: f64,
    fourth_ventricle: f64,
    /// The point in the hindbrain's own coordinates.
    local: Point,
}

impl Hindbrain {
    fn at(subject: &Subject, p: Point) -> Self {
        let q = minus(p, subject.offset[3]);
        let mirrored = [q[0].abs(), q[1], q[2]];
        let size = subject.cerebellum;
        let hemisphere = ellipsoid(
            mirrored,
            [12.5, -34.0, -25.0],
            [15.5 * size, 16.5 * size, 13.5 * size],
        );
        let vermis = ellipsoid(q, [0.0, -33.0, -23.0], [8.0, 14.5 * size, 13.5 * size]);
        let radius = subject.brainstem;
        let midbrain = rod(
            q,
            [0.0, -10.0, -6.0],
            [0.0, -14.0, -22.0],
            7.0 * radius,
            7.2 * radius,
        );
        let pons = ellipsoid(
            q,
            [0.0, -11.5, -20.5],
            [10.0 * radius, 8.5 * radius, 9.0 * radius],
        );
        let medulla = rod(
            q,
            [0.0, -15.0, -28.0],
            [0.0, -20.0, -50.0],
            6.0 * radius,
            4.6 * radius,
        );
        let brainstem = blend(blend(midbrain, pons, 4.0), medulla, 3.0);
        let width = subject.midline_ventricle;
        let fourth_ventricle = ellipsoid(q, [0.0, -22.0, -23.0], [4.5 * width, 3.2 * width, 7.5])
            .min(rod(
                q,
                [0.0, -18.0, -17.0],
                [0.0, -14.0, -4.0],
                1.2 * width,
                1.0 * width,
            ));
        Self {
            cerebellum: blend(hemisphere, vermis, 5.0).max(1.0 - brainstem),
            brainstem: brainstem.max(p[2] + 2.0),
            fourth_ventricle,
            local: q,
        }
    }
}

fn inside_the_brain(
    subject: &Subject,
    place: &Place,
    p: Point,
    hemispheres: f64,
    hind: &Hindbrain,
) -> Substance {
    if hind.fourth_ventricle < 0.0 {
        return Substance::Ventricle;
    }
    if let Some(found) = deep_structures(subject, p) {
        return found;
    }
    if hind.brainstem < 0.0 && p[2] > BRAINSTEM_END {
        return brainstem(hind.local);
    }
    if hind.cerebellum < 0.0 {
        return cerebellum(subject, place, hind);
    }
    // The tentorial and basal cisterns separate the cerebrum from the hindbrain.
    let cerebrum = hemispheres
        .max(1.3 - hind.cerebellum)
        .max(0.8 - hind.brainstem);
    if cerebrum > 0.0 {
        return Substance::Csf;
    }
    folded_cortex(subject, place.relief, p, -cerebrum, hind.brainstem)
}

/// Returns the substance if the point is in a ventricle, deep grey matter, hippocampus or amygdala.
fn deep_structures(subject: &Subject, p: Point) -> Option<Substance> {
    let side = usize::from(p[0] > 0.0);
    let mirrored = |offset: Point| {
        let q = minus(p, offset);
        [q[0].abs(), q[1], q[2]]
    };

    let q = mirrored(subject.offset[0]);
    let width = subject.ventricle[side];
    let horn = |a: Point, b: Point, radius_a: f64, radius_b: f64| {
        rod(q, a, b, radius_a * width, radius_b * width)
    };
    let lateral = horn([5.5, 25.0, 8.0], [5.5, 14.0, 14.5], 2.4, 3.8)
        .min(horn([5.5, 14.0, 14.5], [8.0, -10.0, 17.0], 3.8, 3.2))
        .min(horn([8.0, -10.0, 17.0], [15.5, -24.0, 10.0], 3.2, 5.0))
        .min(horn([15.5, -24.0, 10.0], [15.0, -39.0, 5.0], 4.6, 2.0))
        .min(horn([15.5, -24.0, 10.0], [24.5, -8.0, -9.5], 3.1, 1.8));
    let third = ellipsoid(
        minus(p, subject.offset[0]),
        [0.0, -3.0, 2.0],
        [1.9 * subject.midline_ventricle, 11.0, 9.0],
    );
    if lateral.min(third) < 0.0 {
        return Some(Substance::Ventricle);
    }

    let q = mirrored(subject.offset[2]);
    let width = subject.hippocampus[side];
    let amygdala = ellipsoid(
        q,
        [19.0, 5.0, -14.0],
        [5.4 * width, 5.6 * width, 5.0 * width],
    );
    if amygdala < 0.0 {
        return Some(Substance::Amygdala);
    }
    let hippocampus = rod(
        q,
        [20.5, -1.0, -14.5],
        [22.0, -14.0, -8.0],
        4.0 * width,
        3.6 * width,
    )
    .min(rod(
        q,
        [22.0, -14.0, -8.0],
        [17.0, -24.0, -1.0],
        3.6 * width,
        2.4 * width,
    ));
    if hippocampus < 0.0 {
        return Some(Substance::Hippocampus);
    }

    let q = mirrored(subject.offset[1]);
    let size = subject.deep_grey;
    let thalamus = ellipsoid(q, [9.5, -9.0, 5.0], [8.6 * size, 13.5 * size, 9.0 * size]);
    if thalamus < 0.0 {
        return Some(Substance::Thalamus);
    }
    let caudate = rod(
        q,
        [10.5, 20.0, 7.5],
        [12.5, 8.0, 13.5],
        5.2 * size,
        4.0 * size,
    )
    .min(rod(
        q,
        [12.5, 8.0, 13.5],
        [15.5, -14.0, 15.0],
        4.0 * size,
        2.0 * size,
    ));
    if caudate < 0.0 {
        return Some(Substance::Caudate);
    }
    let putamen = ellipsoid(q, [22.0, 4.0, 2.5], [6.3 * size, 15.5 * size, 9.2 * size]);
    if putamen < 0.0 {
        return Some(Substance::Putamen);
    }
    // The posterior limb of the internal capsule is the first cerebral white matter to myelinate.
    let capsule = rod(q, [15.5, 2.0, 4.0], [19.5, -14.0, 7.0], 1.7, 1.7);
    (capsule < 0.0 && q[2] > -4.0).then_some(Substance::MyelinatedWhite)
}

fn brainstem(q: Point) -> Substance {
    let mirrored = [q[0].abs(), q[1], q[2]];
    // Dorsal tracts (medial lemniscus, longitudinal fasciculus) are myelinated at term.
    let tract = rod(mirrored, [2.5, -15.5, -8.0], [2.2, -17.5, -40.0], 2.4, 2.0);
    if tract < 0.0 {
        Substance::BrainstemTract
    } else {
        Substance::Brainstem
    }
}

fn cerebellum(subject: &Subject, place: &Place, hind: &Hindbrain) -> Substance {
    let depth = -hind.cerebellum;
    let [_, y, z] = hind.local;
    // Folia are fissures at equal distances along an axis that leans differently in each subject.
    let along = (z + subject.folia[0] * y + 2.2 * place.patch) / 5.2 + subject.folia[1];
    let phase = along - along.floor();
    if depth < 6.5 && phase < 0.2 {
        Substance::CerebellarFissure
    } else if depth < 4.5 || (depth < 8.5 && !(0.4..0.8).contains(&phase)) {
        Substance::CerebellarCortex
    } else {
        Substance::CerebellarWhite
    }
}

/// Returns CSF, cortex or white matter at `depth` mm under the unfolded surface.
fn folded_cortex(
    subject: &Subject,
    relief: f64,
    p: Point,
    depth: f64,
    from_brainstem: f64,
) -> Substance {
    let fissure = interhemispheric(p, relief).min(sylvian(p)) - subject.fissure_mm;
    // There is no cortex where the hemispheres join the brainstem.
    let depth = depth + (9.0 - from_brainstem).max(0.0);
    let mut to_csf = depth.min(fissure);
    let deepest = subject.sulcus_depth_mm[0] * 1.4 + subject.cortex_mm + 1.0;
    if depth < deepest && to_csf > -subject.sulcus_mm {
        // The position on the surface is nearly the same at every depth, so sulci are sheets and
        // not cells.
        let centred = minus(p, CEREBRUM.0);
        let [a, b, c] = CEREBRUM.1;
        let reach = length([centred[0] / a, centred[1] / b, centred[2] / c]).max(0.2);
        let stretch = 0.35 + 0.65 / reach;
        let foot = [
            centred[0] * stretch,
            centred[1] * stretch,
            centred[2] * stretch,
        ];
        // The sulci of the base are shallower than those of the convexity.
        let basal = ((p[2] + 20.0) / 30.0).clamp(0.4, 1.0);
        for (folds, mean_depth) in subject.folds.iter().zip(subject.sulcus_depth_mm) {
            let (value, gradient) = folds.value_and_gradient(foot);
            let aside = value.abs() / (length(gradient) * stretch).max(0.02);
            let reach_mm = mean_depth * basal * (1.0 + 0.4 * relief);
            let below = (depth - reach_mm).max(0.0);
            to_csf = to_csf.min((aside * aside + below * below).sqrt() - subject.sulcus_mm);
        }
    }
    if to_csf < 0.0 {
        Substance::Csf
    } else if to_csf < subject.cortex_mm * (1.0 + 0.2 * relief) {
        Substance::CorticalGrey
    } else {
        Substance::WhiteMatter
    }
}

/// Returns the distance to the sheet between the hemispheres, which ends at the corpus callosum.
fn interhemispheric(p: Point, relief: f64) -> f64 {
    let aside = p[0] + 1.5 * relief;
    let callosum = ellipsoid([0.0, p[1], p[2]], [0.0, -3.0, 3.0], [10.0, 34.0, 19.0]);
    let inside = (-callosum).max(0.0);
    (aside * aside + inside * inside).sqrt()
}

/// Returns the distance to the lateral fissure, a sheet over the temporal lobe that rises
/// backwards.
fn sylvian(p: Point) -> f64 {
    let level = -1.5 - 0.28 * (p[1] - 8.0);
    let above = p[2] - level;
    let medial = (31.0 - p[0].abs()).max(0.0);
    let beyond = ((p[1] - 4.0).abs() - 24.0).max(0.0);
    (above * above + medial * medial + beyond * beyond).sqrt()
}
