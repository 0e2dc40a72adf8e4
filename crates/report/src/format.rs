//! The only place that turns numbers into words for a person, figures' own ticks aside: one minus sign (U+2212), and
//! decimals that the caller chooses for a whole column, never by the value.
//!
//! CSV and Parquet hold full numbers and do not come by here.

use itertools::Itertools;
use slicewise_data::Task;
pub(crate) use slicewise_figure::decimals;
use slicewise_metrics::Interval;

/// The value with so many decimals and always a sign, as differences are written: `+0.012`.
pub(crate) fn signed(value: f64, decimals: usize) -> String {
    format!("{value:+.decimals$}").replace('-', "−")
}

/// A setting, with as many decimals as it was given: `0.005`.
pub(crate) fn setting(value: f64) -> String {
    value.to_string().replace('-', "−")
}

/// An annotation ratio, which names a round: `12.5 %`, `50 %`.
pub(crate) fn percent(ratio: f64) -> String {
    let text = decimals(100.0 * ratio, 2);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}\u{a0}%")
}

/// Several ratios: `12.5 %, 50 %`.
pub(crate) fn percents(ratios: impl IntoIterator<Item = f64>) -> String {
    list(ratios.into_iter().map(percent))
}

/// A measured share in `[0, 1]` with so many decimals of a percent: `18.7 %`.
pub(crate) fn share(value: f64, places: usize) -> String {
    format!("{}\u{a0}%", decimals(100.0 * value, places))
}

/// A p-value: `0.031`; what would round to nothing is `<0.001`.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { decimals(p, 3) }
}

/// A mean and its interval: `0.843 (0.831 to 0.855)`; the mean alone without an interval.
pub(crate) fn with_ends(value: Interval, places: usize) -> String {
    let text = |value| decimals(value, places);
    match (value.low, value.high) {
        (Some(low), Some(high)) => {
            format!("{} ({} to {})", text(value.mean), text(low), text(high))
        }
        _ => text(value.mean),
    }
}

/// The ends of an interval of differences: `−0.010 to +0.004`; nothing without an interval.
pub(crate) fn ends(value: Interval, places: usize) -> String {
    match (value.low, value.high) {
        (Some(low), Some(high)) => format!("{} to {}", signed(low, places), signed(high, places)),
        _ => String::new(),
    }
}

/// Words or whole numbers with commas between them.
pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).join(", ")
}

/// The same of at most so many; the rest is counted.
pub(crate) fn list_of<T: ToString>(items: &[T], most: usize) -> String {
    let named = list(items.iter().take(most).map(T::to_string));
    let more = items.len().saturating_sub(most);
    if more > 0 { format!("{named} and {more} more") } else { named }
}

/// Words with what stands before and behind them; nothing without words.
pub(crate) fn around(before: &str, words: &str, behind: &str) -> String {
    if words.is_empty() { String::new() } else { format!("{before}{words}{behind}") }
}

/// Writes the task's title: `Task 1, brain extraction`, or the name of a task that the paper lacks.
pub(crate) fn task_title(task: Task) -> String {
    match task.paper_number() {
        Some(number) => format!("Task {number}, {}", task.words()),
        None => task.words(),
    }
}

/// Writes the task's name where there is hardly room: `T1`, or the name of a task of one's own.
pub(crate) fn task_short(task: Task) -> String {
    task.paper_number().map_or_else(|| task.words(), |number| format!("T{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_short() {
        let texts = [0.125, 0.5, 0.0625, 1.0, 0.1 + 0.05].map(percent);
        let expected = ["12.5", "50", "6.25", "100", "15"].map(|text| format!("{text}\u{a0}%"));
        assert_eq!(texts, expected);
    }

    #[test]
    fn there_is_one_minus_sign() {
        let value = Interval { mean: -0.5, low: Some(-0.75), high: Some(-0.25), n: 2 };
        let texts = [
            decimals(-1.0, 0),
            signed(-0.5, 1),
            setting(-0.5),
            percent(-0.5),
            share(-0.5, 0),
            with_ends(value, 2),
            ends(value, 2),
        ];
        assert!(texts.iter().all(|text| text.contains('−') && !text.contains('-')), "{texts:?}");
    }
}
