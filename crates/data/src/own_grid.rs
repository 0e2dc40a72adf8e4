//! Maps a prediction back to the voxel grid that a scan came in, where it will be used.
//!
//! A case is trained and predicted on an isotropic grid. Its probabilities, not its classes, are
//! interpolated, so that borders between classes lie between voxels where the network put them.

use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView3, Axis};
use slicewise_core::Geometry;

/// For each output index along one axis: the input index below it, the one above, and the weight of
/// the one above.
type Places = Vec<(usize, usize, f32)>;

/// Returns the most probable class of each voxel of the grid `to`, of `shape` `[D, H, W]`.
/// `probabilities` `[C, D, H, W]` lie on the grid `from`; they are interpolated trilinearly, and beyond
/// the outermost voxel centres its value holds. Of equal probabilities the lower class wins. The axes
/// of the two grids must be parallel, as those of a scan and its resampling are.
pub fn classes_on_grid(
    probabilities: &Array4<f32>,
    from: &Geometry,
    to: &Geometry,
    shape: [usize; 3],
) -> Array3<u8> {
    let (_, depth, height, width) = probabilities.dim();
    let lengths = [depth, height, width];
    let [slices, rows, columns] =
        std::array::from_fn(|axis| places(from, to, axis, lengths[axis], shape[axis]));
    let mut classes = Array3::zeros(shape);
    if lengths.contains(&0) {
        return classes;
    }
    let mut best = Array3::from_elem(shape, f32::NEG_INFINITY);
    for (class, values) in probabilities.outer_iter().enumerate() {
        let planes = in_planes(values, &rows, &columns);
        for (z, &(below, above, weight)) in slices.iter().enumerate() {
            let (below, above) = (&planes[below], &planes[above]);
            ndarray::Zip::from(classes.index_axis_mut(Axis(0), z))
                .and(best.index_axis_mut(Axis(0), z))
                .and(below)
                .and(above)
                .for_each(|winner, best, &below, &above| {
                    let value = below + weight * (above - below);
                    if value > *best {
                        (*winner, *best) = (class as u8, value);
                    }
                });
        }
    }
    classes
}

/// Interpolates each slice of one class within its plane.
fn in_planes(values: ArrayView3<f32>, rows: &Places, columns: &Places) -> Vec<Array2<f32>> {
    let plane = |slice: ArrayView2<f32>| {
        let mut wide = Array2::zeros((slice.nrows(), columns.len()));
        for (row, mut out) in slice.outer_iter().zip(wide.outer_iter_mut()) {
            for (out, &(below, above, weight)) in out.iter_mut().zip(columns) {
                *out = row[below] + weight * (row[above] - row[below]);
            }
        }
        let mut plane = Array2::zeros((rows.len(), columns.len()));
        for (mut out, &(below, above, weight)) in plane.outer_iter_mut().zip(rows) {
            out.assign(&wide.row(below));
            out *= 1.0 - weight;
            out.scaled_add(weight, &wide.row(above));
        }
        plane
    };
    values.outer_iter().map(plane).collect()
}

/// Returns where the voxels of `to` along array axis `axis` lie among the `length` voxels of `from`.
fn places(from: &Geometry, to: &Geometry, axis: usize, length: usize, count: usize) -> Places {
    // Columns of an affine are x, y, z; axes of an array z, y, x.
    let column = 2 - axis;
    let along: [f64; 3] = std::array::from_fn(|row| from.affine[row][column]);
    let square: f64 = along.iter().map(|part| part * part).sum();
    let index = |position: [f64; 3]| {
        let offset = (0..3).map(|row| (position[row] - from.affine[row][3]) * along[row]);
        offset.sum::<f64>() / square
    };
    let place = |number: usize| {
        let mut voxel = [0.0; 3];
        voxel[axis] = number as f64;
        let last = length.saturating_sub(1);
        let at = index(to.position_mm(voxel)).clamp(0.0, last as f64);
        let below = at.floor() as usize;
        (below, (below + 1).min(last), (at - below as f64) as f32)
    };
    (0..count).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities of a ball of `radius_mm` around the origin, softened over 1 mm.
    fn ball(geometry: &Geometry, shape: [usize; 3], radius_mm: f64) -> Array4<f32> {
        Array4::from_shape_fn([2, shape[0], shape[1], shape[2]], |(class, z, y, x)| {
            let position = geometry.position_mm([z as f64, y as f64, x as f64]);
            let distance = position.iter().map(|p| p * p).sum::<f64>().sqrt();
            let inside = (0.5 + radius_mm - distance).clamp(0.0, 1.0) as f32;
            if class == 1 { inside } else { 1.0 - inside }
        })
    }

    fn centred(spacing_mm: [f64; 3], shape: [usize; 3]) -> Geometry {
        let start = shape.map(|length| -(length as f64 - 1.0) / 2.0);
        Geometry::axis_aligned(spacing_mm).subgrid(start, [1.0; 3])
    }

    #[test]
    fn on_the_same_grid_it_is_the_most_probable_class() {
        let shape = [5, 6, 7];
        let grid = centred([2.0, 1.0, 1.5], shape);
        let p = ball(&grid, shape, 3.0);
        let classes = classes_on_grid(&p, &grid, &grid, shape);
        for ((z, y, x), &class) in classes.indexed_iter() {
            assert_eq!(class, u8::from(p[[1, z, y, x]] > p[[0, z, y, x]]));
        }
    }

    #[test]
    fn a_ball_is_the_same_ball_on_a_finer_grid() {
        let (coarse, fine) = ([24, 24, 24], [28, 52, 52]);
        let from = centred([1.7; 3], coarse);
        let to = centred([1.4, 0.8, 0.8], fine);
        let classes = classes_on_grid(&ball(&from, coarse, 14.0), &from, &to, fine);
        let truth = ball(&to, fine, 14.0);
        let (mut both, mut sum) = (0.0, 0.0);
        for ((z, y, x), &class) in classes.indexed_iter() {
            let (a, b) = (class == 1, truth[[1, z, y, x]] > 0.5);
            both += f64::from(u8::from(a && b));
            sum += f64::from(u8::from(a)) + f64::from(u8::from(b));
        }
        assert!(2.0 * both / sum > 0.985, "Dice {}", 2.0 * both / sum);
    }

    #[test]
    fn beyond_the_outermost_centres_the_last_value_holds() {
        let from = Geometry::axis_aligned([1.0; 3]);
        let to = from.subgrid([-2.0, 0.0, 0.0], [1.0; 3]);
        let p = Array4::from_shape_vec([2, 1, 1, 2], vec![0.4, 0.6, 0.6, 0.4]);
        let classes = classes_on_grid(&p.unwrap(), &from, &to, [4, 1, 2]);
        let row = [1, 0];
        assert_eq!(classes.iter().copied().collect::<Vec<u8>>(), row.repeat(4));
    }
}
