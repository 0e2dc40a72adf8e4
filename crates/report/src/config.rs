//! Looks up single settings of a sweep's resolved `config.yaml`.
//!
//! The program writes that file itself, in block style with two spaces a level, so a walk over its
//! lines is enough and this crate needs no YAML parser.

use std::str::Lines;

/// The value at `path` (`["tasks", "brain-extraction", "full"]`); `None` if there is none.
pub(crate) fn setting<'a>(config: &'a str, path: &[&str]) -> Option<&'a str> {
    find(config, path).map(|(value, _)| value)
}

/// The number at `path`, or each of the numbers listed there; `None` if there is none, or something
/// else.
pub(crate) fn numbers(config: &str, path: &[&str]) -> Option<Vec<f64>> {
    match find(config, path)? {
        ("", below) => {
            let items = below.map_while(|line| line.trim_start().strip_prefix("- "));
            items.map(|item| item.parse().ok()).collect()
        }
        (value, _) => Some(vec![value.parse().ok()?]),
    }
}

/// The value at `path` on the line of its key, and the lines below.
fn find<'a>(config: &'a str, path: &[&str]) -> Option<(&'a str, Lines<'a>)> {
    let mut found = 0;
    let mut lines = config.lines();
    while let Some(line) = lines.next() {
        let text = line.trim_start();
        let level = (line.len() - text.len()) / 2;
        if text.is_empty() || text.starts_with(['#', '-']) || level > found {
            continue;
        }
        if level < found {
            return None;
        }
        let (key, value) = text.split_once(':')?;
        if key.trim_matches(['"', '\'']) == *path.get(found)? {
            found += 1;
            if found == path.len() {
                return Some((value.trim(), lines));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_at_their_own_level() {
        let config = "name: a\nseeds:\n- 1\nmodels:\n  unet:\n    width: 8\n  'v-net':\n    width: 4\n\
                      tasks:\n  one:\n    stop:\n      ends_run: true\n  two:\n    stop:\n      sigma: 1\n";
        let of = |path: &[&str]| setting(config, path);
        assert_eq!(of(&["models", "v-net", "width"]), Some("4"));
        assert_eq!(of(&["tasks", "one", "stop", "ends_run"]), Some("true"));
        assert_eq!(of(&["tasks", "two", "stop", "ends_run"]), None);
        assert_eq!(of(&["models", "width"]), None);
    }

    #[test]
    fn one_number_and_a_list_of_numbers_are_read() {
        let config = "data:\n  dataset: msd\n  spacing_mm:\n  - 0.5\n  - 0.75\n  - 5.0\n  margin_mm: 4.0\n\
                      \u{20} path: here\n  none:\n";
        let of = |key: &str| numbers(config, &["data", key]);
        assert_eq!(of("spacing_mm"), Some(vec![0.5, 0.75, 5.0]));
        assert_eq!(of("margin_mm"), Some(vec![4.0]));
        assert_eq!(of("none"), Some(vec![]));
        assert_eq!([of("path"), of("absent")], [None, None]);
    }
}
