//! Exact Euclidean distances in mm to the nearest of many voxels, on a grid whose voxels need not be
//! cubes.
//!
//! Squared distances add up over the axes, so one axis is taken after another. Along a row, the
//! nearest seed is found by going there and back. Along a column, each voxel holds a parabola, and
//! the distances are the lowest of all parabolas (Felzenszwalb and Huttenlocher 2012, "Distance
//! transforms of sampled functions", Theory of Computing 8:415-428). Both take time in proportion to
//! the voxels. From slice to slice, distances are looked for only where they are asked for, as far
//! away as a nearer seed can be: surfaces are few of the voxels, and mostly lie near each other.

use ndarray::parallel::prelude::*;

/// The distances of all voxels of a grid to the nearest of some seeds.
#[derive(Debug, Clone)]
pub struct DistanceMap {
    /// Squared distance in mm² to the nearest seed of the same slice, `[D, H, W]`.
    in_slice: Vec<f64>,
    /// Number of voxels of a slice.
    slice: usize,
    /// Spacing of slices in mm.
    z_mm: f64,
}

impl DistanceMap {
    /// Prepares the distances to `seeds`, indices into a grid of `shape` `[D, H, W]` in row-major
    /// order. `spacing_mm` is `[z, y, x]`, each above 0. Slices are computed in parallel.
    ///
    /// # Panics
    /// If a seed lies beyond the grid.
    pub fn new(seeds: &[usize], shape: [usize; 3], spacing_mm: [f64; 3]) -> Self {
        let [depth, height, width] = shape;
        let [z_mm, y_mm, x_mm] = spacing_mm;
        let slice = height * width;
        let mut in_slice = vec![f64::INFINITY; depth * slice];
        let mut has_seed = vec![false; depth];
        for &seed in seeds {
            in_slice[seed] = 0.0;
            has_seed[seed / slice] = true;
        }
        // A chunk is at least one voxel, even where there is none.
        let slices: Vec<_> = in_slice.chunks_exact_mut(slice.max(1)).collect();
        slices
            .into_par_iter()
            .zip(has_seed)
            .for_each(|(values, has_seed)| {
                if has_seed {
                    let rows = values.chunks_exact_mut(width);
                    rows.for_each(|row| along_row(row, x_mm));
                    let mut envelope = Envelope::default();
                    (0..width).for_each(|x| envelope.lower(&mut values[x..], width, y_mm));
                }
            });
        Self {
            in_slice,
            slice,
            z_mm,
        }
    }

    /// Returns the squared distance in mm² from the centre of a voxel to that of the nearest seed;
    /// infinite if there is no seed.
    ///
    /// # Panics
    /// If the voxel lies beyond the grid.
    pub fn squared_mm2(&self, voxel: usize) -> f64 {
        let mut nearest = self.in_slice[voxel];
        for slices in 1.. {
            let along = (slices as f64 * self.z_mm).powi(2);
            let below = voxel.checked_sub(slices * self.slice);
            let below = below.map(|voxel| self.in_slice[voxel]);
            let above = self.in_slice.get(voxel + slices * self.slice).copied();
            if along >= nearest || (below.is_none() && above.is_none()) {
                break;
            }
            for there in [below, above].into_iter().flatten() {
                nearest = nearest.min(there + along);
            }
        }
        nearest
    }
}

/// Replaces 0 and infinity in a row by squared distances to the nearest 0; voxels are `spacing` mm
/// apart.
fn along_row(row: &mut [f64], spacing: f64) {
    let mut steps = f64::INFINITY;
    for value in row.iter_mut() {
        steps = if *value == 0.0 { 0.0 } else { steps + 1.0 };
        *value = steps;
    }
    for value in row.iter_mut().rev() {
        steps = value.min(steps + 1.0);
        *value = (steps * spacing).powi(2);
    }
}

/// The lowest of a line's parabolas, from left to right. It is kept for the next line, so that its
/// memory is taken once.
#[derive(Default)]
struct Envelope {
    parabolas: Vec<Parabola>,
}

/// (x − centre)² + height, lowest of all from x = `from` to where the next one begins.
#[derive(Clone, Copy)]
struct Parabola {
    centre: f64,
    height: f64,
    from: f64,
}

impl Envelope {
    /// Replaces each value of a line by the lowest parabola there. The line takes every
    /// `stride`-th value; its voxels are `spacing` mm apart.
    fn lower(&mut self, line: &mut [f64], stride: usize, spacing: f64) {
        self.parabolas.clear();
        for (position, &height) in line.iter().step_by(stride).enumerate() {
            if height < f64::INFINITY {
                self.add(position as f64 * spacing, height);
            }
        }
        let Some(&first) = self.parabolas.first() else {
            return;
        };
        let mut later = self.parabolas[1..].iter();
        let (mut lowest, mut next) = (first, later.next());
        for (position, value) in line.iter_mut().step_by(stride).enumerate() {
            let x = position as f64 * spacing;
            while let Some(parabola) = next.filter(|parabola| parabola.from < x) {
                (lowest, next) = (*parabola, later.next());
            }
            *value = (x - lowest.centre).powi(2) + lowest.height;
        }
    }

    /// Adds a parabola to the right of all others, and removes those that it hides.
    fn add(&mut self, centre: f64, height: f64) {
        let mut from = f64::NEG_INFINITY;
        while let Some(last) = self.parabolas.last() {
            // Where the two parabolas meet.
            let rise = height - last.height;
            from = 0.5 * (centre + last.centre + rise / (centre - last.centre));
            if from > last.from {
                break;
            }
            self.parabolas.pop();
            from = f64::NEG_INFINITY;
        }
        self.parabolas.push(Parabola {
            centre,
            height,
            from,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Compares with the definition: the least over all seeds.
    #[test]
    fn distances_are_those_to_the_nearest_of_all_seeds() {
        let mut generator = ChaCha8Rng::seed_from_u64(5);
        for (shape, spacing_mm) in [
            ([5, 7, 6], [1.0, 1.0, 1.0]),
            ([4, 9, 8], [3.0, 0.5, 0.7]),
            ([1, 12, 11], [9.0, 0.8, 1.3]),
            ([6, 1, 1], [0.4, 1.0, 1.0]),
        ] {
            let voxels: usize = shape.iter().product();
            let place = |index: usize| {
                let [_, height, width] = shape;
                [
                    index / (height * width),
                    index / width % height,
                    index % width,
                ]
            };
            for count in [1, 2, 9] {
                let seeds: Vec<usize> = (0..count)
                    .map(|_| generator.random_range(0..voxels))
                    .collect();
                let map = DistanceMap::new(&seeds, shape, spacing_mm);
                for index in 0..voxels {
                    let got = map.squared_mm2(index);
                    let to = |&seed: &usize| {
                        let pairs = place(index).into_iter().zip(place(seed)).zip(spacing_mm);
                        pairs
                            .map(|((p, q), mm)| ((p as f64 - q as f64) * mm).powi(2))
                            .sum::<f64>()
                    };
                    let expected = seeds.iter().map(to).fold(f64::INFINITY, f64::min);
                    assert!((got - expected).abs() < 1e-9, "{got} {expected} {shape:?}");
                }
            }
        }
    }

    #[test]
    fn without_a_seed_every_distance_is_infinite() {
        let map = DistanceMap::new(&[], [2, 3, 4], [1.0; 3]);
        assert!((0..24).all(|voxel| map.squared_mm2(voxel) == f64::INFINITY));
        DistanceMap::new(&[], [2, 0, 4], [1.0; 3]);
    }
}
