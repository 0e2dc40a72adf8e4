//! 3 × 3 matrices, as the linear part of a voxel grid's affine. `m[r][c]` is row `r`, column `c`.

/// Three rows of three.
pub type Matrix = [[f64; 3]; 3];

/// Returns the linear part of an affine, without its offset.
pub fn linear(affine: &[[f64; 4]; 4]) -> Matrix {
    std::array::from_fn(|r| std::array::from_fn(|c| affine[r][c]))
}

/// Returns the lengths of the columns: of an affine's linear part, the voxel sizes along i, j and k.
pub fn column_lengths(m: &Matrix) -> [f64; 3] {
    std::array::from_fn(|c| m.iter().map(|row| row[c].powi(2)).sum::<f64>().sqrt())
}

/// Returns the determinant.
pub fn determinant(m: &Matrix) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}

/// Returns the transpose of the inverse. A singular matrix gives infinite or NaN numbers.
pub fn inverse_transposed(m: &Matrix) -> Matrix {
    let det = determinant(m);
    std::array::from_fn(|r| {
        std::array::from_fn(|c| {
            let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
            (m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]) / det
        })
    })
}

/// The most steps of [`nearest_rotation`]. Each doubles the digits once it is near; even columns
/// that are parallel to six digits need no more than 30.
const MOST_STEPS: usize = 64;

/// Returns the rotation, or rotation and reflection, that is nearest to a matrix once its columns
/// have length 1: the orthogonal factor of the polar decomposition, which is P·Q of a singular value
/// decomposition P·S·Q. A shear is thereby shared evenly among the axes. A singular matrix gives no
/// rotation, but finite numbers if its own are.
///
/// Source: Higham, "Computing the polar decomposition with applications" (1986), Newton's iteration.
pub fn nearest_rotation(m: &Matrix) -> Matrix {
    let length = column_lengths(m).map(|length| if length > 0.0 { length } else { 1.0 });
    let mut rotation: Matrix =
        std::array::from_fn(|r| std::array::from_fn(|c| m[r][c] / length[c]));
    for _ in 0..MOST_STEPS {
        let other = inverse_transposed(&rotation);
        if !other.as_flattened().iter().all(|value| value.is_finite()) {
            break;
        }
        let mut change: f64 = 0.0;
        for (row, other) in rotation.iter_mut().zip(&other) {
            for (value, other) in row.iter_mut().zip(other) {
                let mean = f64::midpoint(*value, *other);
                change = change.max((mean - *value).abs());
                *value = mean;
            }
        }
        if change < 1e-12 {
            break;
        }
    }
    rotation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rotation_shares_a_shear_evenly() {
        // The x axis leans towards y by 0.2: both turn by half of it.
        let leaning = [
            [2.0 * 0.2f64.cos(), 0.0, 0.0],
            [2.0 * 0.2f64.sin(), 3.0, 0.0],
            [0.0, 0.0, -0.5],
        ];
        let (sin, cos) = 0.1f64.sin_cos();
        let expected = [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, -1.0]];
        for (ours, expected) in nearest_rotation(&leaning)
            .as_flattened()
            .iter()
            .zip(expected.as_flattened())
        {
            assert!((ours - expected).abs() < 1e-12, "{ours} for {expected}");
        }
        let inverse = inverse_transposed(&leaning);
        let column = |m: &Matrix, c: usize| m.map(|row| row[c]);
        for r in 0..3 {
            for c in 0..3 {
                let pairs = column(&leaning, r).into_iter().zip(column(&inverse, c));
                let product: f64 = pairs.map(|(a, b)| a * b).sum();
                assert!((product - f64::from(u8::from(r == c))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_singular_matrix_stays_finite() {
        let flat = [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]];
        let rotation = nearest_rotation(&flat);
        assert!(
            rotation
                .as_flattened()
                .iter()
                .all(|value| value.is_finite())
        );
    }
}
