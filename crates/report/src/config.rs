//! Looks up single settings of a sweep's resolved `config.yaml`.
//!
//! The program writes that file itself, in block style with two spaces a level, so a walk over its
//! lines is enough and this crate needs no YAML parser.

/// The value at `path` (`["tasks", "brain-extraction", "full"]`); `None` if there is none.
pub(crate) fn setting<'a>(config: &'a str, path: &[&str]) -> Option<&'a str> {
    let mut found = 0;
    for line in config.lines() {
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
                return Some(value.trim());
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
}
