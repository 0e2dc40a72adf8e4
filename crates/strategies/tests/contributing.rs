//! Checks that CONTRIBUTING.md is true: a strategy is one new file of at most 30 lines and one line
//! in the registry. The workspace's integration test applies the text's blocks and builds the
//! result.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).expect(path)
}

/// Returns the fenced block that opens with this line.
fn block(text: &str, opening: &str) -> String {
    let (_, rest) = text.split_once(&format!("```{opening}\n")).expect(opening);
    let (block, _) = rest.split_once("\n```\n").expect("a closing fence");
    block.to_owned()
}

#[test]
fn the_walk_through_is_one_short_file_and_one_line() {
    let text = read("CONTRIBUTING.md");
    let file = block(
        &text,
        "rust title=\"crates/strategies/src/foreground_area.rs\"",
    );
    assert!(file.lines().count() <= 30, "{} lines", file.lines().count());
    assert!(file.contains("\"foreground-area\""));

    let diff = block(&text, "diff title=\"crates/strategies/src/registry.rs\"");
    let lines: Vec<&str> = diff.lines().collect();
    let [context, added] = lines[..] else {
        panic!("expected a line of context and a new one, got {lines:?}");
    };
    let context = context
        .strip_prefix(' ')
        .expect("context begins with a space");
    assert_eq!(
        added.trim_start_matches('+').trim(),
        "foreground_area::ForegroundArea,"
    );
    let registry = read("crates/strategies/src/registry.rs");
    let found = registry.lines().filter(|line| *line == context).count();
    assert_eq!(found, 1, "{context:?} stands {found} times in registry.rs");
    assert!(
        !registry.contains(added.trim()),
        "the example is registered already"
    );
}
