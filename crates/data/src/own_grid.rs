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
