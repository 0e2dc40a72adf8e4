//! Reads and writes the position of a voxel grid, which a NIfTI header can state in three ways.
//!
//! Source: `nifti1.h`, section "3D image (volume) orientation and location in space". A header with
//! neither form is read by nibabel's convention. Which of them counts is decided in `position.rs`.

use ::nifti::NiftiHeader;
use slicewise_core::matrix::{Matrix, column_lengths, determinant, linear};

/// Four rows of the map from a stored index (i, j, k, 1) to space.
pub(super) type Affine = [[f64; 4]; 4];

/// An affine that is 0 except for its last row.
const UNPLACED: Affine = {
    let mut affine = [[0.0; 4]; 4];
    affine[3][3] = 1.0;
    affine
};

/// Returns the sform, in the header's unit.
pub(super) fn of_sform(header: &NiftiHeader) -> Affine {
    let row = |row: [f32; 4]| row.map(f64::from);
    [
        row(header.srow_x),
        row(header.srow_y),
        row(header.srow_z),
        UNPLACED[3],
    ]
}

/// Returns the voxel sizes along i, j and k that pixdim states, in the header's unit. A size is an
/// absolute value, as in nibabel: its sign says nothing about a direction.
pub(super) fn sizes(header: &NiftiHeader) -> [f64; 3] {
    std::array::from_fn(|c| f64::from(header.pixdim[c + 1]).abs())
}

/// Returns the qform, in the header's unit.
///
/// # Errors
/// Says why it is no position: its quaternion is longer than 1, or pixdim states no sizes.
pub(super) fn of_qform(header: &NiftiHeader) -> Result<Affine, String> {
    let mut b = f64::from(header.quatern_b);
    let mut c = f64::from(header.quatern_c);
    let mut d = f64::from(header.quatern_d);
    let square = b * b + c * c + d * d;
    let a_squared = 1.0 - square;
    // Rounding to float32 may make a unit quaternion a little too long. NaN is refused as well.
    if !(-1e-5..).contains(&a_squared) {
        return Err(format!(
            "expected a unit quaternion, got (b, c, d) = ({b}, {c}, {d})"
        ));
    }
    // Near a half turn, a is nothing but rounding error. The threshold is nibabel's.
    let a = if a_squared < 3.0 * f64::from(f32::EPSILON) {
        let length = square.sqrt();
        (b, c, d) = (b / length, c / length, d / length);
        0.0
    } else {
        a_squared.sqrt()
    };
    let rotation = [
        [
            a * a + b * b - c * c - d * d,
            2.0 * (b * c - a * d),
            2.0 * (b * d + a * c),
        ],
        [
            2.0 * (b * c + a * d),
            a * a + c * c - b * b - d * d,
            2.0 * (c * d - a * b),
        ],
        [
            2.0 * (b * d - a * c),
            2.0 * (c * d + a * b),
            a * a + d * d - c * c - b * b,
        ],
    ];
    // pixdim[0] is qfac; 0 (unset) counts as +1.
    let qfac = if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let [i, j, k] = sizes_above_0(header)?;
    let scale = [i, j, k * qfac];
    let offset = [header.quatern_x, header.quatern_y, header.quatern_z];
    let mut affine = UNPLACED;
    for r in 0..3 {
        for c in 0..3 {
            affine[r][c] = rotation[r][c] * scale[c];
        }
        affine[r][3] = f64::from(offset[r]);
    }
    Ok(affine)
}

/// Returns the position of a header without sform and qform, in its unit. nibabel (as SPM for
/// Analyze files) assumes that x runs from right to left and that the origin is at the centre of the
/// grid. So does this function, although `nifti1.h` leaves the direction open.
///
/// # Errors
/// pixdim states no sizes.
pub(super) fn of_pixdim(header: &NiftiHeader, shape: [usize; 3]) -> Result<Affine, String> {
    let [i, j, k] = sizes_above_0(header)?;
    let scale = [-i, j, k];
    let mut affine = UNPLACED;
    for r in 0..3 {
        affine[r][r] = scale[r];
        affine[r][3] = -scale[r] * (shape[r] as f64 - 1.0) / 2.0;
    }
    Ok(affine)
}

fn sizes_above_0(header: &NiftiHeader) -> Result<[f64; 3], String> {
    let sizes = sizes(header);
    if sizes.iter().all(|&size| size > 0.0 && size.is_finite()) {
        return Ok(sizes);
    }
    let [_, i, j, k, ..] = header.pixdim;
    Err(format!(
        "expected voxel sizes in pixdim, which has the only ones, got {i} × {j} × {k}"
    ))
}

/// Form code 2, "aligned to another scan". It is true of any scan that has been processed.
const ALIGNED: i16 = 2;

/// Writes an affine as sform and as qform. A sheared grid has no quaternion, so its qform stays
/// unset.
pub(super) fn into_header(affine: &Affine, header: &mut NiftiHeader) {
    let row = |r: usize| affine[r].map(|value| value as f32);
    header.sform_code = ALIGNED;
    header.srow_x = row(0);
    header.srow_y = row(1);
    header.srow_z = row(2);
    let length = column_lengths(&linear(affine));
    let qfac = if determinant(&linear(affine)) < 0.0 {
        -1.0
    } else {
        1.0
    };
    header.pixdim = [1.0; 8];
    header.pixdim[0] = qfac as f32;
    for (c, length) in length.iter().enumerate() {
        header.pixdim[c + 1] = *length as f32;
    }
    let mut rotation: Matrix =
        std::array::from_fn(|r| std::array::from_fn(|c| affine[r][c] / length[c]));
    for row in &mut rotation {
        row[2] *= qfac;
    }
    header.qform_code = if is_orthogonal(&rotation) { ALIGNED } else { 0 };
    let [b, c, d] = quaternion(&rotation);
    header.quatern_b = b as f32;
    header.quatern_c = c as f32;
    header.quatern_d = d as f32;
    header.quatern_x = affine[0][3] as f32;
    header.quatern_y = affine[1][3] as f32;
    header.quatern_z = affine[2][3] as f32;
}

fn is_orthogonal(r: &Matrix) -> bool {
    [(0, 1), (0, 2), (1, 2)]
        .iter()
        .all(|&(i, j)| (0..3).map(|row| r[row][i] * r[row][j]).sum::<f64>().abs() < 1e-5)
}

/// Returns the quaternion's (b, c, d) of a rotation, with a ≥ 0, by Shepperd's method, which
/// divides by the largest component.
fn quaternion(m: &Matrix) -> [f64; 3] {
    let trace = m[0][0] + m[1][1] + m[2][2];
    let four_squares = [
        1.0 + trace,
        1.0 + 2.0 * m[0][0] - trace,
        1.0 + 2.0 * m[1][1] - trace,
        1.0 + 2.0 * m[2][2] - trace,
    ];
    let largest = (0..4)
        .max_by(|&i, &j| four_squares[i].total_cmp(&four_squares[j]))
        .unwrap_or(0);
    let two = four_squares[largest].max(0.0).sqrt();
    let differences = [m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]];
    let sums = [m[1][0] + m[0][1], m[0][2] + m[2][0], m[2][1] + m[1][2]];
    let [a, b, c, d] = match largest {
        0 => [two * two, differences[0], differences[1], differences[2]],
        1 => [differences[0], two * two, sums[0], sums[1]],
        2 => [differences[1], sums[0], two * two, sums[2]],
        _ => [differences[2], sums[1], sums[2], two * two],
    }
    .map(|value| value / (2.0 * two));
    if a < 0.0 { [-b, -c, -d] } else { [b, c, d] }
}
