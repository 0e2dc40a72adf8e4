//! Maps a prediction back to the scan's own voxels, which is where people measure.
//!
//! A network works on a resampled grid. Here the probability of each class is interpolated linearly
//! at the centres of the scan's own voxels, and the class with the largest one is taken. Mapping
//! probabilities and not classes keeps a boundary that lies between two voxels where it is. Beyond
//! the outermost voxel centres the probabilities of the outermost voxels hold.
//!
//! The two grids are a crop and its resampling, so their axes are parallel and the interpolation
//! goes axis by axis: a plane is first interpolated along x, then along y, and two planes are
//! blended along z. Planes are used in order, so only two are in memory.

use ndarray::{Array3, Array4, ArrayView4, Axis};
use slicewise_core::Geometry;

/// How far the axes of two grids may lead apart, in voxels of the probabilities. It is more than
/// rounding gives and too little to change a class.
const MOST_DRIFT: f64 = 1e-3;

/// A position this near to a voxel centre, in voxels, is that centre. Otherwise rounding in the
/// affines would mix in a trace of the neighbour.
const SAME_VOXEL: f64 = 1e-6;

/// Why probabilities cannot be mapped to a grid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GridError {
    /// There is nothing to interpolate, or a class index does not fit into a byte.
    #[error(
        "probabilities: expected 1 to 256 classes and at least one voxel along each axis, got [C, D, H, W] = {shape:?}"
    )]
    Shape {
        /// The shape of the probabilities.
        shape: [usize; 4],
    },
    /// One grid is turned or sheared against the other.
    #[error(
        "expected a grid whose axes run along those of the probabilities, to within {MOST_DRIFT} voxels, got axes that lead {drift:.3} voxels away; map to the grid of the scan that was resampled"
    )]
    NotParallel {
        /// The largest distance that an axis leads away over the whole grid, in voxels of the
        /// probabilities; NaN if their grid has no volume.
        drift: f64,
    },
}

/// Returns the most probable class `[D, H, W]` at each voxel centre of the grid `to`, which has
/// `shape` voxels. `probabilities` `[C, D, H, W]` lie on the grid `from`. Of equally probable
/// classes the lowest is taken.
///
/// # Errors
/// The axes of the grids are not parallel, or there are no probabilities.
pub fn on_grid(
    probabilities: &Array4<f32>,
    from: &Geometry,
    to: &Geometry,
    shape: [usize; 3],
) -> Result<Array3<u8>, GridError> {
    let (classes, d, h, w) = probabilities.dim();
    if !(1..=256).contains(&classes) || [d, h, w].contains(&0) {
        return Err(GridError::Shape {
            shape: [classes, d, h, w],
        });
    }
    let [along_z, along_y, along_x] = neighbours([d, h, w], from, to, shape)?;
    let mut winners = Array3::zeros(shape);
    if winners.is_empty() {
        return Ok(winners);
    }
    let probabilities = probabilities.as_standard_layout();
    let mut planes = [Plane::new(), Plane::new()];
    let mut largest = vec![0.0; shape[2]];
    for (mut slice, between) in winners.axis_iter_mut(Axis(0)).zip(&along_z) {
        if planes[1].z == Some(between.below) {
            planes.swap(0, 1);
        }
        planes[0].interpolate(&probabilities.view(), between.below, &along_y, &along_x);
        if between.share > 0.0 {
            planes[1].interpolate(&probabilities.view(), between.above, &along_y, &along_x);
        }
        let [below, above] = &planes;
        let above = if between.share > 0.0 { above } else { below };
        for (y, mut winner) in slice.rows_mut().into_iter().enumerate() {
            largest.fill(f32::NEG_INFINITY);
            for class in 0..classes {
                let start = (class * shape[1] + y) * shape[2];
                let row = start..start + shape[2];
                let pairs = below.values[row.clone()].iter().zip(&above.values[row]);
                for ((winner, largest), (&below, &above)) in
                    winner.iter_mut().zip(&mut largest).zip(pairs)
                {
                    let value = blend(below, above, between.share);
                    let wins = value > *largest;
                    *winner = if wins { class as u8 } else { *winner };
                    *largest = if wins { value } else { *largest };
                }
            }
        }
    }
    Ok(winners)
}

/// Returns at each voxel centre of the grid `to`, which has `shape` voxels, the value `[D, H, W]` of the
/// nearest voxel on the grid `from`.
///
/// # Errors
/// The axes of the grids are not parallel, or there are no values.
pub fn nearest_on_grid(
    values: &Array3<f32>,
    from: &Geometry,
    to: &Geometry,
    shape: [usize; 3],
) -> Result<Array3<f32>, GridError> {
    let (d, h, w) = values.dim();
    if [d, h, w].contains(&0) {
        return Err(GridError::Shape {
            shape: [1, d, h, w],
        });
    }
    let nearer =
        |between: &Between| [between.below, between.above][usize::from(between.share > 0.5)];
    let [along_z, along_y, along_x] = neighbours([d, h, w], from, to, shape)?
        .map(|axis| axis.iter().map(nearer).collect::<Vec<usize>>());
    Ok(Array3::from_shape_fn(shape, |(z, y, x)| {
        values[[along_z[z], along_y[y], along_x[x]]]
    }))
}

/// The two voxels that a position lies between.
struct Between {
    below: usize,
    above: usize,
    /// The weight of `above`, 0 to 1.
    share: f32,
}

impl Between {
    /// Returns the neighbours of a position, in voxels, on an axis of `length` voxels.
    fn new(position: f64, length: usize) -> Self {
        let position = position.clamp(0.0, (length - 1) as f64);
        let whole = position.round();
        let position = if (position - whole).abs() < SAME_VOXEL {
            whole
        } else {
            position
        };
        let below = position.floor();
        Self {
            below: below as usize,
            above: (below as usize + 1).min(length - 1),
            share: (position - below) as f32,
        }
    }
}

/// Returns, for each axis `[z, y, x]` and index of the grid `to`, the neighbours in the grid `from`
/// of `length` voxels.
fn neighbours(
    length: [usize; 3],
    from: &Geometry,
    to: &Geometry,
    shape: [usize; 3],
) -> Result<[Vec<Between>; 3], GridError> {
    let column = |grid: &Geometry, axis: usize| [0, 1, 2].map(|row| grid.affine[row][2 - axis]);
    let columns = [0, 1, 2].map(|axis| column(from, axis));
    // The rows of the inverse of `from`: they turn a vector in mm into voxels.
    let volume = dot(columns[0], cross(columns[1], columns[2]));
    let inverse = [0, 1, 2].map(|axis| {
        cross(columns[(axis + 1) % 3], columns[(axis + 2) % 3]).map(|value| value / volume)
    });
    let (origin, start) = (from.position_mm([0.0; 3]), to.position_mm([0.0; 3]));
    let offset_mm = [0, 1, 2].map(|row| start[row] - origin[row]);
    let stride = |axis, other| dot(inverse[axis], column(to, other));
    let drift = |axis: usize| {
        let others = (0..3).filter(|&other| other != axis);
        let lead = |other: usize| stride(axis, other).abs() * shape[other].saturating_sub(1) as f64;
        others.map(lead).sum::<f64>()
    };
    let drifts = [0, 1, 2].map(drift);
    if !drifts.iter().all(|&drift| drift <= MOST_DRIFT) {
        let drift = drifts.into_iter().fold(f64::NAN, f64::max);
        return Err(GridError::NotParallel { drift });
    }
    Ok([0, 1, 2].map(|axis| {
        let first = dot(inverse[axis], offset_mm);
        let position = |index: usize| first + index as f64 * stride(axis, axis);
        let indices = 0..shape[axis];
        indices
            .map(|index| Between::new(position(index), length[axis]))
            .collect()
    }))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|i| {
        let (j, k) = ((i + 1) % 3, (i + 2) % 3);
        a[j] * b[k] - a[k] * b[j]
    })
}

fn blend(below: f32, above: f32, share: f32) -> f32 {
    below + share * (above - below)
}

/// One plane of the probabilities, interpolated along y and x.
struct Plane {
    /// Which plane it is; `None` before the first.
    z: Option<usize>,
    /// Probabilities `[C, H, W]` at the new grid's y and x.
    values: Vec<f32>,
    /// Rows of one class `[H, W]` at the old grid's y and the new one's x.
    rows: Vec<f32>,
}

impl Plane {
    fn new() -> Self {
        Self {
            z: None,
            values: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Becomes the plane `z` of `probabilities` `[C, D, H, W]`, unless it is it already.
    fn interpolate(
        &mut self,
        probabilities: &ArrayView4<f32>,
        z: usize,
        along_y: &[Between],
        along_x: &[Between],
    ) {
        if self.z == Some(z) {
            return;
        }
        self.z = Some(z);
        self.values.clear();
        let width = along_x.len();
        for plane in probabilities.index_axis(Axis(1), z).outer_iter() {
            self.rows.clear();
            for row in plane.rows() {
                let values = along_x
                    .iter()
                    .map(|x| blend(row[x.below], row[x.above], x.share));
                self.rows.extend(values);
            }
            for y in along_y {
                let below = &self.rows[y.below * width..][..width];
                let above = &self.rows[y.above * width..][..width];
                let pairs = below.iter().zip(above);
                let values = pairs.map(|(&below, &above)| blend(below, above, y.share));
                self.values.extend(values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, 0 to 1.
    fn scattered(shape: [usize; 4]) -> Array4<f32> {
        let mut state = 1u32;
        Array4::from_shape_simple_fn(shape, || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        })
    }

    #[test]
    fn on_the_same_grid_it_is_the_argmax() {
        let probabilities = scattered([5, 6, 7, 8]);
        let mut grid = Geometry::axis_aligned([1.3, 0.7, 0.9]);
        grid.affine[0][3] = -81.7;
        let argmax = Array3::from_shape_fn((6, 7, 8), |(z, y, x)| {
            let largest = |&a: &usize, &b: &usize| {
                probabilities[[a, z, y, x]].total_cmp(&probabilities[[b, z, y, x]])
            };
            (0..5).max_by(largest).unwrap() as u8
        });
        let mapped = on_grid(&probabilities, &grid, &grid, [6, 7, 8]).unwrap();
        assert_eq!(mapped, argmax);
        // The part that a crop of it is.
        let crop = grid.subgrid([1.0, 2.0, 3.0], [1.0; 3]);
        let mapped = on_grid(&probabilities, &grid, &crop, [4, 4, 5]).unwrap();
        assert_eq!(mapped, argmax.slice(ndarray::s![1..5, 2..6, 3..8]));
    }

    /// Compares with scipy's `map_coordinates(order=1, mode="nearest")`; see
    /// `fixtures/make_own_grid.py`. The grid is oblique, and the memory of the probabilities in
    /// another order.
    #[test]
    fn classes_are_those_of_scipy() {
        #[derive(serde::Deserialize)]
        struct Golden {
            probabilities: Vec<f32>,
            classes: Vec<u8>,
        }
        let golden: Golden =
            serde_json::from_str(include_str!("../tests/fixtures/own_grid.json")).unwrap();
        let probabilities = Array4::from_shape_vec((4, 5, 6, 7), golden.probabilities).unwrap();
        let classes = Array3::from_shape_vec((9, 8, 6), golden.classes).unwrap();
        let (sine, cosine) = 0.4f64.sin_cos();
        let mut from = Geometry::axis_aligned([2.0, 1.0, 1.0]);
        from.affine[0] = [1.5 * cosine, -1.5 * sine, 0.0, 20.0];
        from.affine[1] = [1.5 * sine, 1.5 * cosine, 0.0, -30.0];
        let to = from.subgrid([-0.9, -0.3, -0.55], [0.71, 0.8, 1.45]);
        let mapped = on_grid(&probabilities, &from, &to, [9, 8, 6]).unwrap();
        assert_eq!(mapped, classes);
        let turned = probabilities.permuted_axes([3, 2, 1, 0]);
        let turned = turned.as_standard_layout().into_owned();
        let turned = turned.permuted_axes([3, 2, 1, 0]);
        assert_eq!(on_grid(&turned, &from, &to, [9, 8, 6]).unwrap(), classes);
    }

    /// A smooth ball of radius 20.3 mm, whose probability is ½ at its surface.
    #[test]
    fn a_ball_keeps_its_shape_on_finer_voxels() {
        let grid = |spacing_mm: f64| {
            let shape = [(60.0 / spacing_mm) as usize; 3];
            let mut grid = Geometry::axis_aligned([spacing_mm; 3]);
            let half = (shape[0] as f64 - 1.0) * spacing_mm / 2.0;
            grid.affine
                .iter_mut()
                .take(3)
                .for_each(|row| row[3] = -half);
            (grid, shape)
        };
        let depth_mm = |grid: &Geometry, (z, y, x): (usize, usize, usize)| {
            let place = grid.position_mm([z as f64, y as f64, x as f64]);
            20.3 - dot(place, place).sqrt()
        };
        let ((coarse, shape), (fine, fine_shape)) = (grid(1.7), grid(0.86));
        let mut probabilities = Array4::zeros([2, shape[0], shape[1], shape[2]]);
        for ((class, z, y, x), value) in probabilities.indexed_iter_mut() {
            let ball = 1.0 / (1.0 + (-depth_mm(&coarse, (z, y, x)) / 1.5).exp());
            *value = if class == 1 { ball } else { 1.0 - ball } as f32;
        }
        let mapped = on_grid(&probabilities, &coarse, &fine, fine_shape).unwrap();
        let truth = Array3::from_shape_fn(fine_shape, |index| depth_mm(&fine, index) > 0.0);
        let both = mapped.iter().zip(&truth);
        let both = both
            .filter(|(class, truth)| **class == 1 && **truth)
            .count();
        let sizes = mapped.iter().filter(|class| **class == 1).count()
            + truth.iter().filter(|truth| **truth).count();
        let dice = 2.0 * both as f64 / sizes as f64;
        assert!(dice > 0.97, "{dice}");
    }

    #[test]
    fn of_equal_classes_the_lowest_wins() {
        // Class 2 gives way to class 1, and both are ½ in the middle. Class 0 is never there.
        let mut probabilities = Array4::zeros([3, 1, 1, 2]);
        probabilities[[2, 0, 0, 0]] = 1.0;
        probabilities[[1, 0, 0, 1]] = 1.0;
        let from = Geometry::axis_aligned([1.0; 3]);
        let to = from.subgrid([0.0, 0.0, -0.5], [1.0, 1.0, 0.5]);
        let mapped = on_grid(&probabilities, &from, &to, [1, 1, 5]).unwrap();
        assert_eq!(mapped.as_slice().unwrap(), &[2, 2, 1, 1, 1]);
    }

    #[test]
    fn what_cannot_be_mapped_is_an_error() {
        let from = Geometry::axis_aligned([2.0, 1.0, 1.0]);
        let probabilities = scattered([2, 3, 4, 5]);
        // Ten voxels along x lead 9 × 0.01 voxels along y.
        let mut turned = from.clone();
        turned.affine[1][0] = 0.01;
        let problem = on_grid(&probabilities, &from, &turned, [3, 4, 10]).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "expected a grid whose axes run along those of the probabilities, to within 0.001 \
             voxels, got axes that lead 0.090 voxels away; map to the grid of the scan that was \
             resampled"
        );
        // Rounding as a file of single precision has is none.
        turned.affine[1][0] = 1e-7;
        assert!(on_grid(&probabilities, &from, &turned, [3, 4, 10]).is_ok());
        let mut flat = from.clone();
        flat.affine[2][2] = 0.0;
        assert!(matches!(
            on_grid(&probabilities, &flat, &from, [3, 4, 5]),
            Err(GridError::NotParallel { .. })
        ));
        let empty = Array4::zeros([2, 0, 4, 5]);
        assert!(matches!(
            on_grid(&empty, &from, &from, [3, 4, 5]),
            Err(GridError::Shape { .. })
        ));
        assert!(
            on_grid(&probabilities, &from, &from, [0, 4, 5])
                .unwrap()
                .is_empty()
        );
    }
}
