//! Numbers in figures, and in tables beside them: one minus sign (U+2212).

/// The value with so many decimals: `−0.543`.
pub fn decimals(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}").replace('-', "−")
}
