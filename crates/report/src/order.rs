//! In which order, and under which key, the parts of a sweep are listed: one place, so that
//! tables, legends and sentences agree.

use slicewise_experiment::record::{FIRST, FULL};

/// The paper's rows, in its Table 2's order; full annotation and the first round stand before,
/// strategies of one's own behind.
const PAPER: [&str; 4] = ["random", "equal-interval", "uncertainty", PROPOSED];

/// The strategy that the paper proposes.
pub(crate) const PROPOSED: &str = "attention-guided";

/// Sort key of a strategy: pseudo-strategies, the paper's, then others by name.
pub(crate) fn strategy_key(name: &str) -> (usize, String) {
    let place = match name {
        FULL => 0,
        FIRST => 1,
        _ => {
            2 + PAPER
                .iter()
                .position(|paper| *paper == name)
                .unwrap_or(PAPER.len())
        }
    };
    (place, name.to_owned())
}

/// Whether `name` is a strategy rather than full annotation or the shared first round.
pub(crate) fn is_strategy(name: &str) -> bool {
    name != FULL && name != FIRST
}

/// A ratio as a key: millionths, so that 0.15 from different sums is one ratio.
pub(crate) fn ratio_key(ratio: f64) -> u64 {
    (ratio * 1e6).round() as u64
}

/// A ratio in words: `12.5 %`, `50 %`.
pub(crate) fn percent(ratio: f64) -> String {
    let text = format!("{:.2}", 100.0 * ratio);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}\u{a0}%")
}

/// How a strategy is called in tables: its own name, the pseudo-strategies spelt out.
pub(crate) fn label(strategy: &str) -> &str {
    match strategy {
        FULL => "full annotation",
        FIRST => "first round (shared)",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_strategies_come_after_the_papers() {
        let mut names = [
            "my-own",
            "uncertainty",
            "full",
            "attention-guided",
            "first",
            "random",
            "a",
        ];
        names.sort_by_key(|name| strategy_key(name));
        assert_eq!(
            names,
            [
                "full",
                "first",
                "random",
                "uncertainty",
                "attention-guided",
                "a",
                "my-own"
            ]
        );
    }

    #[test]
    fn percents_are_short() {
        let texts = [0.125, 0.5, 0.0625, 1.0, 0.1 + 0.05].map(percent);
        let expected = ["12.5", "50", "6.25", "100", "15"].map(|text| format!("{text}\u{a0}%"));
        assert_eq!(texts, expected);
    }
}
