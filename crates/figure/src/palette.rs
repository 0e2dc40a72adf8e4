//! Colours of voxels: classes, attention, scan.
//!
//! The classes have Paul Tol's "muted" palette (Tol 2021, SRON/EPS/TN/09-002), made for the
//! colour-blind; its order here keeps tissues that touch far apart.

use plotters::prelude::RGBColor;

/// The colours of class 1, 2, …: among the dHCP's tissues CSF, cortex, white matter, ventricles,
/// cerebellum, deep grey matter, brainstem, hippocampi.
const CLASSES: [RGBColor; 9] = [
    RGBColor(136, 204, 238), // cyan
    RGBColor(136, 34, 85),   // wine
    RGBColor(221, 204, 119), // sand
    RGBColor(51, 34, 136),   // indigo
    RGBColor(68, 170, 153),  // teal
    RGBColor(204, 102, 119), // rose
    RGBColor(17, 119, 51),   // green
    RGBColor(170, 68, 153),  // purple
    RGBColor(153, 153, 51),  // olive
];

/// Cividis (Nuñez, Anderton and Renslow 2018) at eleven equal steps, as matplotlib has it.
const CIVIDIS: [[u8; 3]; 11] = [
    [0, 34, 78],
    [8, 51, 112],
    [53, 69, 108],
    [79, 87, 108],
    [102, 105, 112],
    [125, 124, 120],
    [148, 142, 119],
    [174, 163, 113],
    [200, 184, 102],
    [229, 207, 82],
    [254, 232, 56],
];

/// Steps of a scale: enough for the eye, and few enough for neighbours to share a rectangle.
const STEPS: f64 = 40.0;

/// The colour of foreground class `class`, counted from 1; beyond nine they come again.
pub(crate) fn of_class(class: usize) -> RGBColor {
    CLASSES[class.saturating_sub(1) % CLASSES.len()]
}

/// From dark blue at 0 to yellow at 1; lightness rises all along.
pub(crate) fn cividis(value: f64) -> RGBColor {
    let last = CIVIDIS.len() - 1;
    let place = step(value) * last as f64;
    let below = (place as usize).min(last - 1);
    let share = place - below as f64;
    let mix = |channel: usize| {
        let [from, to] = [below, below + 1].map(|at| f64::from(CIVIDIS[at][channel]));
        (from + share * (to - from)).round() as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}

/// From black at 0 to white at 1.
pub(crate) fn grey(value: f64) -> RGBColor {
    let level = (255.0 * step(value)).round() as u8;
    RGBColor(level, level, level)
}

/// `value` cut to `[0, 1]`, on one of [`STEPS`].
fn step(value: f64) -> f64 {
    (value.clamp(0.0, 1.0) * STEPS).round() / STEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear RGB as seen with full protan, deutan and tritan deficiency (Machado, Oliveira and
    /// Fernandes 2009).
    const SEEN: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];

    /// CIE L*a*b* (D65) of a colour seen through `matrix`.
    fn lab(RGBColor(r, g, b): RGBColor, matrix: &[[f64; 3]; 3]) -> [f64; 3] {
        let linear = [r, g, b].map(|byte| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        let dot = |row: &[f64; 3], v: [f64; 3]| row[0] * v[0] + row[1] * v[1] + row[2] * v[2];
        let seen = std::array::from_fn(|i| dot(&matrix[i], linear).clamp(0.0, 1.0));
        let f = |value: f64| {
            if value > 0.008_856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 }
        };
        let x = f(dot(&[0.4124, 0.3576, 0.1805], seen) / 0.9505);
        let y = f(dot(&[0.2126, 0.7152, 0.0722], seen));
        let z = f(dot(&[0.0193, 0.1192, 0.9505], seen) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn eight_classes_stay_apart_for_every_eye() {
        // A difference of 2.3 is just noticeable side by side; areas in a map need far more.
        const LEAST: f64 = 15.0;
        for matrix in &SEEN {
            for a in 1..=8 {
                for b in a + 1..=8 {
                    let [p, q] = [a, b].map(|class| lab(of_class(class), matrix));
                    let apart = p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>();
                    assert!(apart.sqrt() > LEAST, "classes {a} and {b}: {apart}");
                }
            }
        }
    }

    #[test]
    fn scales_rise_in_lightness_and_keep_their_ends() {
        assert_eq!([cividis(0.0), cividis(1.0)].map(|c| c.0), [0, 254]);
        assert_eq!([grey(-1.0), grey(2.0)], [RGBColor(0, 0, 0), RGBColor(255, 255, 255)]);
        let lightness: Vec<f64> =
            (0..=40).map(|i| lab(cividis(f64::from(i) / 40.0), &SEEN[0])[0]).collect();
        assert!(lightness.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
