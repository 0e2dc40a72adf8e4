//! Checks `docs/faults.md`, which names the test for each of its lines: every such test must exist.

use crate::program::root;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Collects the names of the test functions below `folder`.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let functions = text.split("#[test]").skip(1);
            found.extend(functions.filter_map(|text| {
                let (name, _) = text.split_once("fn ")?.1.split_once('(')?;
                Some(name.to_owned())
            }));
        }
    }
}

#[test]
fn every_fault_of_the_table_has_a_test_that_exists() {
    let mut there = BTreeSet::new();
    tests(&root().join("tests"), &mut there);
    tests(&root().join("crates"), &mut there);
    let text = fs::read_to_string(root().join("docs/faults.md")).unwrap();
    let mut lines = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let shown_by = row.trim_end_matches('|').rsplit("| ").next().unwrap();
        if shown_by.trim() == "shown by" {
            continue;
        }
        lines += 1;
        let named: Vec<&str> = shown_by.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for name in named {
            let exists = there.contains(name) || root().join(name).is_file();
            assert!(exists, "docs/faults.md names {name}, which is no test");
        }
    }
    assert!(lines > 20, "{lines} lines");
}
