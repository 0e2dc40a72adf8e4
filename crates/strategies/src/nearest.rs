//! Suggests the name that a misspelt one was meant to be.

/// Returns the candidate most similar to `name` (Jaro-Winkler similarity above 0.7), or `None` if
/// there is none. Of equally similar candidates it returns the first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = (0.7, None);
    for candidate in candidates {
        let likeness = strsim::jaro_winkler(name, candidate);
        if likeness > best.0 {
            best = (likeness, Some(candidate));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = [
            "random",
            "equal-interval",
            "uncertainty",
            "attention-guided",
        ];
        for (slip, meant) in [
            ("attention_guided", "attention-guided"),
            ("equalinterval", "equal-interval"),
            ("uncertanty", "uncertainty"),
            ("Random", "random"),
        ] {
            assert_eq!(nearest(slip, names), Some(meant));
        }
        assert_eq!(nearest("xyz", names), None);
        assert_eq!(nearest("random", []), None);
    }
}
