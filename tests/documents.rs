//! Checks the documents written by hand: the tables that they quote are those that the committed
//! records gave, and every link leads somewhere. `documents_names` checks the commands and files
//! that they name.

use crate::program::root;
use std::collections::BTreeSet;
use std::fs;

/// Where documents lie. `results` and `bench` have one each.
const FOLDERS: [&str; 4] = ["", "docs", "bench", "results"];

/// A document.
pub(crate) struct Document {
    /// From the workspace's root: `docs/results.md`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Returns all documents, in order of their paths.
pub(crate) fn documents() -> Vec<Document> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|ending| ending == "md") {
                let path = file.strip_prefix(root()).unwrap().to_str().unwrap();
                found.push(Document {
                    path: path.to_owned(),
                    text: fs::read_to_string(&file).unwrap(),
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() >= 20, "{} documents", found.len());
    found
}

/// Returns the lines outside blocks fenced by three backticks, and those inside.
pub(crate) fn outside_and_inside_fences(text: &str) -> (String, String) {
    let (mut outside, mut inside) = (String::new(), String::new());
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let lines = if fenced { &mut inside } else { &mut outside };
        lines.push_str(line);
        lines.push('\n');
    }
    assert!(!fenced, "a fence without end");
    (outside, inside)
}

/// Returns what links and images of `text` point to, apart from web addresses.
fn targets(text: &str) -> Vec<String> {
    let (prose, _) = outside_and_inside_fences(text);
    // Between every second pair of backticks is code, which holds no links.
    let prose: String = prose.split('`').step_by(2).collect();
    let ends = prose.split("](").skip(1);
    ends.filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// Returns the anchors that GitHub makes of the headings of `text`: lower case, without
/// punctuation, spaces as hyphens.
fn anchors(text: &str) -> BTreeSet<String> {
    let (prose, _) = outside_and_inside_fences(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let kept = words
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

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
fn quoted_tables_are_those_of_the_results() {
    let mut count = 0;
    for Document { path, text } in documents() {
        for (table, quoted) in embedded(&text) {
            // `./just readme` looks at no others.
            assert!(
                path == "README.md" || path.starts_with("docs/"),
                "{path} quotes {table}"
            );
            let made = fs::read_to_string(root().join(table)).unwrap();
            assert_eq!(quoted, made, "{path} and {table}: run ./just readme");
            count += 1;
        }
    }
    assert!(count >= 11, "{count} tables are quoted");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut count = 0;
    for Document { path, text } in documents() {
        let file = root().join(&path);
        for target in targets(&text) {
            let (to, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let to = if to.is_empty() {
                file.clone()
            } else {
                file.parent().unwrap().join(to)
            };
            assert!(to.exists(), "{path} links to {target}, which is not there");
            if !anchor.is_empty() {
                let there = anchors(&fs::read_to_string(&to).unwrap());
                assert!(
                    there.contains(anchor),
                    "{path} links to {target}; the headings there are {there:?}"
                );
            }
            count += 1;
        }
    }
    assert!(count >= 80, "{count} links");
}

#[test]
fn the_readme_is_short_and_leads_to_every_page_in_one_click() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = text.lines().count();
    assert!(lines <= 150, "README.md has {lines} lines");
    let linked = targets(&text);
    for Document { path, .. } in documents() {
        assert!(
            path == "README.md" || linked.contains(&path),
            "README.md does not link to {path}"
        );
    }
}
