//! Random headers of NIfTI files, sound ones and ones with a blemish, for the comparison with other
//! programs in `random_headers.rs`.

use crate::case_files::{Header, put};
use ndarray::Array3;
use rand::Rng;
use slicewise_fuzz::ChaCha8Rng;
use std::path::Path;

/// What is wrong with a header, or unusual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Blemish {
    Nothing,
    /// The sform leads to another space than the qform.
    OtherSpace,
    /// The sform's columns have length 1.
    SformWithoutSizes,
    /// The qform is that of the mirrored grid.
    Mirrored,
    /// The qform lies five voxels off.
    Apart,
    /// The sform is sheared.
    Sheared,
    /// pixdim is negative along the second axis.
    NegativeSize,
    /// pixdim is 0 along the second axis.
    NoSize,
    /// The quaternion is longer than 1.
    LongQuaternion,
    /// bitpix is wrong, and dim has axes of length 0 behind the third.
    Redundant,
}

const BLEMISHES: [Blemish; 9] = [
    Blemish::OtherSpace,
    Blemish::SformWithoutSizes,
    Blemish::Mirrored,
    Blemish::Apart,
    Blemish::Sheared,
    Blemish::NegativeSize,
    Blemish::NoSize,
    Blemish::LongQuaternion,
    Blemish::Redundant,
];

/// A header by what matters for its position.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) sform_code: i16,
    pub(crate) qform_code: i16,
    pub(crate) blemish: Blemish,
    pub(crate) unit: u8,
    pub(crate) slope: f64,
    /// First component of the qform's quaternion, which is not stored.
    pub(crate) quaternion_a: f64,
}

/// The intercept of every header.
pub(crate) const INTERCEPT: f64 = 12.5;

impl Facts {
    pub(crate) fn has(&self, blemish: Blemish) -> bool {
        self.blemish == blemish
    }

    pub(crate) fn both(&self) -> bool {
        self.sform_code > 0 && self.qform_code > 0
    }

    /// Whether sform and qform lead to different places, if both are set.
    pub(crate) fn forms_differ(&self) -> bool {
        match self.blemish {
            Blemish::OtherSpace => self.sform_code != self.qform_code,
            Blemish::SformWithoutSizes | Blemish::Apart | Blemish::Sheared => true,
            _ => false,
        }
    }

    /// Whether we refuse the file without `data.position`.
    pub(crate) fn is_contradiction(&self) -> bool {
        self.sform_code > 0 && self.has(Blemish::SformWithoutSizes)
            || self.both() && self.has(Blemish::Mirrored)
            || self.both() && self.sform_code == self.qform_code && self.has(Blemish::Apart)
    }

    /// mm in a unit of the header.
    pub(crate) fn unit_mm(&self) -> f64 {
        match self.unit {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        }
    }
}

/// Writes the random header of this number and returns what it says.
pub(crate) fn write_header(path: &Path, number: usize, rng: &mut ChaCha8Rng) -> Facts {
    let mut facts = Facts {
        qform_code: (number % 36 / 6) as i16,
        sform_code: (number % 6) as i16,
        blemish: match number % 5 {
            0..3 => Blemish::Nothing,
            _ => BLEMISHES[rng.random_range(0..BLEMISHES.len())],
        },
        unit: [0, 1, 2, 3][rng.random_range(0..4)],
        slope: [0.0, 1.0, 0.5, -2.25][rng.random_range(0..4)],
        quaternion_a: 0.0,
    };
    let sizes: [f64; 3] = std::array::from_fn(|_| rng.random_range(0.3..4.0));
    let offset: [f64; 3] = std::array::from_fn(|_| rng.random_range(-300.0..300.0));
    let angle = rng.random_range(0.0..60.0f64).to_radians();
    let angle = if number.is_multiple_of(4) { 0.0 } else { angle };
    let turned = times(&turn(rng, angle), &order(number * 7 % 48));
    let qfac = determinant(&turned);
    let mut rotation = turned;
    for row in &mut rotation {
        row[2] *= qfac;
    }
    let mut quaternion = quaternion(&rotation);
    let square: f64 = quaternion.iter().map(|value| value * value).sum();
    facts.quaternion_a = (1.0 - square).max(0.0).sqrt();
    let mut sform = [[0.0; 4]; 4];
    for r in 0..3 {
        for c in 0..3 {
            sform[r][c] = turned[r][c] * sizes[c];
        }
        sform[r][3] = offset[r];
    }
    let mut pixdim = [qfac, sizes[0], sizes[1], sizes[2]];
    let mut q_offset = offset;
    match facts.blemish {
        Blemish::OtherSpace if facts.sform_code != facts.qform_code => {
            let by = turn(rng, 0.7);
            let linear = times(
                &by,
                &std::array::from_fn(|r| std::array::from_fn(|c| sform[r][c])),
            );
            for r in 0..3 {
                sform[r][..3].copy_from_slice(&linear[r]);
                sform[r][3] = -offset[r];
            }
        }
        Blemish::SformWithoutSizes => {
            for row in &mut sform {
                for c in 0..3 {
                    row[c] /= sizes[c];
                }
            }
        }
        Blemish::Mirrored => pixdim[0] = -qfac,
        Blemish::Apart => q_offset[1] += 5.0 * sizes.iter().copied().fold(0.0, f64::max),
        Blemish::Sheared => {
            // The second axis leans by 0.03, and the qform still lies within a voxel.
            let (sin, cos) = 0.03f64.sin_cos();
            for row in sform.iter_mut().take(3) {
                row[1] = cos * row[1] + sin * row[0] * sizes[1] / sizes[0];
            }
        }
        Blemish::NegativeSize => pixdim[2] = -pixdim[2],
        Blemish::NoSize => pixdim[2] = 0.0,
        Blemish::LongQuaternion => quaternion = [0.9, -0.8, 0.7],
        _ => {}
    }
    let voxels = Array3::from_shape_fn((3, 4, 5), |(z, y, x)| (100 * z + 10 * y + x) as i16);
    let edit = |header: &mut Header| {
        header.pixdim(pixdim);
        header.units(facts.unit);
        header.scaling(facts.slope, INTERCEPT);
        header.sform(facts.sform_code, &sform);
        header.qform(facts.qform_code, quaternion, q_offset);
        if facts.blemish == Blemish::Redundant {
            header.set_i16(72, 8);
            header.set_i16(40, 5);
            header.set_i16(48, 0);
            header.set_i16(50, 0);
        }
    };
    put(path, &voxels, &sform, edit);
    facts
}

type Matrix = [[f64; 3]; 3];

/// Returns one of the 48 orders of axes as a matrix of 0, 1 and -1.
fn order(number: usize) -> Matrix {
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let mut matrix = [[0.0; 3]; 3];
    for (r, &c) in orders[number / 8].iter().enumerate() {
        matrix[r][c] = if number >> r & 1 == 1 { -1.0 } else { 1.0 };
    }
    matrix
}

/// Returns a turn by an angle in radians about a random axis (Rodrigues).
fn turn(rng: &mut ChaCha8Rng, angle: f64) -> Matrix {
    let axis: [f64; 3] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
    let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
    let [x, y, z] = axis.map(|value| value / length);
    let cross = [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]];
    let square = times(&cross, &cross);
    std::array::from_fn(|r| {
        std::array::from_fn(|c| {
            f64::from(u8::from(r == c))
                + angle.sin() * cross[r][c]
                + (1.0 - angle.cos()) * square[r][c]
        })
    })
}

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|r| std::array::from_fn(|c| (0..3).map(|k| a[r][k] * b[k][c]).sum()))
}

/// Returns the determinant of a matrix with orthonormal columns, 1 or -1.
fn determinant(m: &Matrix) -> f64 {
    let minor = |a: usize, b: usize| m[1][a] * m[2][b] - m[1][b] * m[2][a];
    (m[0][0] * minor(1, 2) - m[0][1] * minor(0, 2) + m[0][2] * minor(0, 1)).signum()
}

/// Returns b, c and d of a rotation's quaternion, with a ≥ 0: the row of 4 q qᵀ with the largest
/// diagonal is q times 4 of one component.
fn quaternion(m: &Matrix) -> [f64; 3] {
    let [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = *m;
    let rows = [
        [1.0 + xx + yy + zz, zy - yz, xz - zx, yx - xy],
        [zy - yz, 1.0 + xx - yy - zz, xy + yx, xz + zx],
        [xz - zx, xy + yx, 1.0 - xx + yy - zz, yz + zy],
        [yx - xy, xz + zx, yz + zy, 1.0 - xx - yy + zz],
    ];
    let best = (0..4)
        .max_by(|&a, &b| rows[a][a].total_cmp(&rows[b][b]))
        .unwrap();
    let scale = 2.0 * rows[best][best].sqrt();
    let sign = if rows[best][0] < 0.0 { -1.0 } else { 1.0 };
    std::array::from_fn(|part| sign * rows[best][part + 1] / scale)
}
