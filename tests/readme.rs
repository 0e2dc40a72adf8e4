//! Checks the README's tables of results: they must be those that the committed records give.

use crate::program::root;
use std::fs;

/// Returns path and text of the tables between `<!-- table: PATH -->` and `<!-- end -->`.
fn embedded(markdown: &str) -> Vec<(&str, &str)> {
    let parts = markdown.split("<!-- table: ").skip(1);
    parts
        .map(|part| {
            let (path, rest) = part.split_once(" -->\n").unwrap();
            let (table, _) = rest.split_once("<!-- end -->").unwrap();
            (path, table)
        })
        .collect()
}

#[test]
fn the_readmes_tables_are_those_of_the_results() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let tables = embedded(&readme);
    assert!(tables.len() >= 4, "{} tables in README.md", tables.len());
    for (path, table) in tables {
        let made = fs::read_to_string(root().join(path)).unwrap();
        assert_eq!(table, made, "README.md and {path}: run ./just readme");
    }
}
