//! Checks that what the documents name exists: recipes, subcommands, files, columns of tables; and
//! that every recipe and subcommand is in `docs/commands.md`.

use crate::documents::{Document, documents, outside_and_inside_fences};
use crate::program::{root, slicewise, succeed};
use std::collections::BTreeSet;
use std::fs;

/// Logs of what was once: they may name what is gone.
const HISTORY: [&str; 2] = ["CHANGELOG.md", "EXPERIMENTS.md"];

/// Returns the documents that describe the present.
fn present() -> impl Iterator<Item = Document> {
    let of_now = |document: &Document| !HISTORY.contains(&document.path.as_str());
    documents().into_iter().filter(of_now)
}

/// Returns what stands between single backticks.
fn spans(text: &str) -> Vec<String> {
    let (prose, _) = outside_and_inside_fences(text);
    let parts: Vec<&str> = prose.split('`').collect();
    assert!(parts.len() % 2 == 1, "an odd number of backticks");
    let inside = parts.into_iter().skip(1).step_by(2);
    inside.map(str::to_owned).collect()
}

/// Returns the words that follow `marker` in code, fenced or not, if they begin in lower case.
fn words_after(marker: &str, text: &str) -> BTreeSet<String> {
    let (_, fenced) = outside_and_inside_fences(text);
    let code = spans(text).join("\n") + "\n" + &fenced;
    let rests = code.split(marker).skip(1);
    let words = rests.map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    words
        .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

/// Returns the names of the justfile's recipes, from lines such as `fuzz seed="0": libtorch`.
fn recipes() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("justfile")).unwrap();
    let heads = text.lines().filter(|line| {
        let is_assignment = line.contains(":=");
        line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(':') && !is_assignment
    });
    heads
        .map(|line| line.split([' ', ':']).next().unwrap().to_owned())
        .collect()
}

/// Returns the subcommands that `slicewise --help` lists.
fn subcommands() -> BTreeSet<String> {
    let help = succeed(&mut slicewise(&["--help"]));
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let (listed, _) = listed.split_once("\n\n").unwrap();
    // What wraps is indented further.
    let names = listed.lines().filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' '));
    names
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn every_recipe_that_is_named_exists_and_commands_md_has_them_all() {
    let there = recipes();
    assert!(there.len() >= 15, "{there:?}");
    for Document { path, text } in present() {
        let named = words_after("./just ", &text);
        let unknown: Vec<&String> = named.difference(&there).collect();
        assert!(unknown.is_empty(), "{path} names the recipes {unknown:?}");
        if path == "docs/commands.md" {
            let left_out: Vec<&String> = there
                .difference(&named)
                .filter(|name| *name != "default")
                .collect();
            assert!(left_out.is_empty(), "{path} leaves out {left_out:?}");
        }
    }
}

#[test]
fn every_subcommand_that_is_named_exists_and_commands_md_has_them_all() {
    let shown = subcommands();
    assert!(shown.len() >= 8, "{shown:?}");
    let mut all = BTreeSet::new();
    for Document { path, text } in present() {
        let named = words_after("slicewise ", &text);
        if path == "docs/commands.md" {
            let left_out: Vec<&String> = shown.difference(&named).collect();
            assert!(left_out.is_empty(), "{path} leaves out {left_out:?}");
        }
        all.extend(named);
    }
    // Some are hidden from the help, but answer to it.
    for name in all.difference(&shown) {
        succeed(&mut slicewise(&[name, "--help"]));
    }
}

#[test]
fn every_file_of_the_repository_that_is_named_exists() {
    let folders = |of: &str| -> Vec<String> {
        let entries = fs::read_dir(root().join(of)).unwrap();
        let entries = entries.map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.path().is_dir());
        folders
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    };
    let crates = folders("crates");
    let mut first = folders("");
    // A sweep writes to the first two; the others are not in the repository.
    first.retain(|name| {
        !["results", "target", ".cache", ".git", ".libtorch", ".tools"].contains(&name.as_str())
    });
    first.extend(crates.iter().cloned());
    let mut count = 0;
    for Document { path, text } in present() {
        for span in spans(&text) {
            let Some((folder, _)) = span.split_once('/') else {
                continue;
            };
            let is_path = span
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if !is_path || span.contains("NAME") || !first.iter().any(|name| name == folder) {
                continue;
            }
            // Files of a crate are named from `crates`, or from the crate that the text is about.
            let there = root().join(&span).exists()
                || root().join("crates").join(&span).exists()
                || crates
                    .iter()
                    .any(|name| root().join("crates").join(name).join(&span).exists());
            assert!(there, "{path} names {span}, which does not exist");
            count += 1;
        }
    }
    assert!(count >= 30, "{count} files are named");
}

#[test]
fn tables_md_has_the_columns_of_the_tables() {
    let text = fs::read_to_string(root().join("docs/tables.md")).unwrap();
    let mut named = BTreeSet::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let table = cells[0].trim().trim_matches('`');
        let columns: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
        let sweep = match table {
            "heads" => "earlier/attention-head-neonates",
            "models" => "phantoms/attention-head",
            _ => "phantoms/table2",
        };
        let csv = root().join(format!("results/{sweep}/tables/{table}.csv"));
        let text = fs::read_to_string(csv).unwrap();
        assert_eq!(columns.join(","), text.lines().next().unwrap(), "{table}");
        named.insert(table.to_owned());
    }
    for entry in fs::read_dir(root().join("results/phantoms/table2/tables")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|ending| ending == "csv") {
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert!(named.contains(name), "docs/tables.md leaves out {name}");
        }
    }
}
