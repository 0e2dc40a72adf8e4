//! Signed distances to simple solids, in millimetres: negative inside, positive outside.
//!
//! The distance to an ellipsoid is the first-order estimate `k0 (k0 - 1) / k1`. It is exact on the
//! surface, where it matters here. The smooth minimum is the polynomial one. Both follow Inigo
//! Quilez's notes on signed distance functions (iquilezles.org/articles/distfunctions).

use super::noise::Point;

/// Returns the difference of two points.
pub(super) fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// Returns the inner product.
pub(super) fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Returns the Euclidean length.
pub(super) fn length(a: Point) -> f64 {
    dot(a, a).sqrt()
}

/// Returns the distance to an axis-aligned ellipsoid with semi-axes `radii`.
pub(super) fn ellipsoid(p: Point, centre: Point, radii: Point) -> f64 {
    let d = minus(p, centre);
    let scaled = [d[0] / radii[0], d[1] / radii[1], d[2] / radii[2]];
    let k0 = length(scaled);
    let k1 = length([
        scaled[0] / radii[0],
        scaled[1] / radii[1],
        scaled[2] / radii[2],
    ]);
    if k1 < 1e-9 {
        return -radii[0].min(radii[1]).min(radii[2]);
    }
    k0 * (k0 - 1.0) / k1
}

/// Returns the distance to a round rod from `a` to `b` whose radius changes from `radius_a` to
/// `radius_b`.
pub(super) fn rod(p: Point, a: Point, b: Point, radius_a: f64, radius_b: f64) -> f64 {
    let (pa, ba) = (minus(p, a), minus(b, a));
    let t = (dot(pa, ba) / dot(ba, ba)).clamp(0.0, 1.0);
    let nearest = [ba[0] * t, ba[1] * t, ba[2] * t];
    length(minus(pa, nearest)) - (radius_a + (radius_b - radius_a) * t)
}

/// Returns the union of two solids, with a seam rounded over about `width_mm`.
pub(super) fn blend(a: f64, b: f64, width_mm: f64) -> f64 {
    let h = (width_mm - (a - b).abs()).max(0.0) / width_mm;
    a.min(b) - h * h * width_mm * 0.25
}

/// Returns the intersection of two solids, with a seam rounded over about `width_mm`.
pub(super) fn carve(a: f64, b: f64, width_mm: f64) -> f64 {
    -blend(-a, -b, width_mm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surfaces_are_where_they_should_be() {
        assert!(ellipsoid([3.0, 0.0, 0.0], [0.0; 3], [3.0, 4.0, 5.0]).abs() < 1e-12);
        assert!(ellipsoid([0.0, 0.0, 4.9], [0.0; 3], [3.0, 4.0, 5.0]) < 0.0);
        assert_eq!(ellipsoid([0.0; 3], [0.0; 3], [3.0, 4.0, 5.0]), -3.0);
        let at = |x: f64, z: f64| rod([x, 0.0, z], [0.0; 3], [0.0, 0.0, 10.0], 2.0, 4.0);
        assert!(at(3.0, 5.0).abs() < 1e-12);
        assert!((at(0.0, 15.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn blending_only_adds_and_carving_only_removes() {
        for (a, b) in [(-1.0, 2.0), (0.3, 0.2), (4.0, -4.0)] {
            assert!(blend(a, b, 2.0) <= f64::min(a, b));
            assert!(carve(a, b, 2.0) >= f64::max(a, b));
        }
    }
}
