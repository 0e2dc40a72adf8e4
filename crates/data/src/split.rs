//! Splits cases into Part A and Part B: by name, by the dataset itself, at random, or fold by fold.
//! Cases that are held out count as Part A here.
//!
//! The random draw ranks subjects by the SHA-256 of seed and name, lowest first. It needs no
//! generator and does not depend on the order of the cases. A case that one task lacks (two ALBERT
//! images are missing in Task 1) changes no other case's part unless it was drawn itself. All
//! sessions of a subject are in the same part.

use crate::config::DataConfig;
use crate::datasets::{CaseSource, Source};
use crate::error::DataError;
use sha2::{Digest, Sha256};
use slicewise_core::{Part, UnknownName};
use std::collections::{BTreeMap, BTreeSet};

/// Assigns each case to its part, sorted by id. Cases that an explicit `part_a` leaves out are not
/// used.
///
/// # Errors
/// All of these that apply: unknown or duplicate ids, a case or a subject in both parts, an empty
/// part, contradicting settings.
pub(crate) fn assign(
    mut cases: Vec<CaseSource>,
    config: &DataConfig,
) -> Result<Vec<(CaseSource, Part)>, Vec<DataError>> {
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let mut problems = check_lists(&cases, config);
    let parts = match parts_by_id(&cases, config) {
        Ok(parts) => parts,
        Err(problem) => {
            problems.push(problem);
            return Err(problems);
        }
    };
    let total = cases.len();
    let assigned: Vec<(CaseSource, Part)> = cases
        .into_iter()
        .filter_map(|case| parts.get(&case.id).map(|&part| (case, part)))
        .collect();
    problems.extend(subjects_in_both(&assigned));
    problems.extend(held_out_in_part(&assigned, config));
    for (part, name) in [(Part::A, "A"), (Part::B, "B")] {
        let of_part = |(case, of): &(CaseSource, Part)| {
            *of == part && (*of == Part::B || !config.holds_out(&case.id))
        };
        if !assigned.iter().any(of_part) {
            problems.push(DataError::EmptyPart {
                part: name,
                cases: total,
            });
        }
    }
    if problems.is_empty() {
        Ok(assigned)
    } else {
        Err(problems)
    }
}

/// Returns the problems of the ids in the settings and in the dataset.
fn check_lists(cases: &[CaseSource], config: &DataConfig) -> Vec<DataError> {
    let mut problems = Vec::new();
    for pair in cases.windows(2).filter(|pair| pair[0].id == pair[1].id) {
        problems.push(DataError::DuplicateCase {
            place: config.root().display().to_string(),
            id: pair[0].id.clone(),
        });
    }
    let known: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    let lists = [
        ("part_a", &config.part_a),
        ("part_b", &config.part_b),
        ("held_out", &config.held_out),
    ];
    for (field, list) in lists {
        let mut seen = BTreeSet::new();
        for id in list.iter().flatten() {
            if !seen.insert(id) {
                problems.push(DataError::DuplicateCase {
                    place: format!("data.{field}"),
                    id: id.clone(),
                });
            } else if !known.contains(id.as_str()) {
                problems.push(DataError::UnknownName {
                    field,
                    unknown: UnknownName::new("case", id, known.iter().copied()),
                });
            }
        }
    }
    if let (Some(a), Some(b)) = (&config.part_a, &config.part_b) {
        let b: BTreeSet<&String> = b.iter().collect();
        let both = a
            .iter()
            .filter(|id| b.contains(id))
            .collect::<BTreeSet<_>>();
        problems.extend(both.into_iter().map(|id| DataError::TwoParts {
            what: format!("case \"{id}\""),
        }));
    }
    problems
}

fn parts_by_id(
    cases: &[CaseSource],
    config: &DataConfig,
) -> Result<BTreeMap<String, Part>, DataError> {
    if let Some(count) = config.folds {
        return fold(cases, config, count);
    }
    let candidates = |taken: &BTreeSet<String>| -> Vec<String> {
        match &config.part_a {
            Some(ids) => ids.clone(),
            None => {
                let free = cases.iter().filter(|case| !taken.contains(&case.id));
                free.map(|case| case.id.clone()).collect()
            }
        }
    };
    let b: BTreeSet<String> = match (&config.part_b, config.part_b_count) {
        (Some(_), Some(_)) => {
            return Err(DataError::Setting {
                field: "part_b_count",
                problem: "expected either part_b or part_b_count, got both".to_owned(),
            });
        }
        (Some(ids), None) => ids.iter().cloned().collect(),
        (None, Some(count)) => draw(cases, config, count)?,
        (None, None) => match config.part_a {
            // Only Part A is named, so Part B is the rest.
            Some(ref a) => {
                let a: BTreeSet<&String> = a.iter().collect();
                let rest = cases.iter().filter(|case| !a.contains(&case.id));
                rest.map(|case| case.id.clone()).collect()
            }
            None => return by_table(cases),
        },
    };
    let mut parts: BTreeMap<String, Part> =
        candidates(&b).into_iter().map(|id| (id, Part::A)).collect();
    parts.extend(b.into_iter().map(|id| (id, Part::B)));
    for id in config.held_out.iter().flatten() {
        parts.entry(id.clone()).or_insert(Part::A);
    }
    Ok(parts)
}

/// Returns the part of each case when the fold of `config` is unseen.
fn fold(
    cases: &[CaseSource],
    config: &DataConfig,
    count: usize,
) -> Result<BTreeMap<String, Part>, DataError> {
    let given = [
        ("part_a", config.part_a.is_some()),
        ("part_b", config.part_b.is_some()),
        ("part_b_count", config.part_b_count.is_some()),
    ];
    if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
        return Err(DataError::Setting {
            field: "folds",
            problem: format!("expected either folds or {name}, got both"),
        });
    }
    let unseen = config.fold.unwrap_or(1) - 1;
    let folds = deal(cases, config, count)?;
    let parts = folds.into_iter().enumerate().flat_map(|(number, fold)| {
        let part = if number == unseen { Part::B } else { Part::A };
        fold.into_iter().map(move |id| (id, part))
    });
    Ok(parts.collect())
}

/// Deals whole subjects to `count` folds in the order of their hash, each to the smallest fold so
/// far. Returns the case ids of each fold, sorted.
pub(crate) fn deal(
    cases: &[CaseSource],
    config: &DataConfig,
    count: usize,
) -> Result<Vec<Vec<String>>, DataError> {
    let subjects = by_hash(cases.iter(), config);
    if !(2..=subjects.len()).contains(&count) {
        let most = subjects.len();
        return Err(DataError::Setting {
            field: "folds",
            problem: format!(
                "expected 2 to {most} folds, since there are {most} subjects, got {count}"
            ),
        });
    }
    let mut folds = vec![Vec::new(); count];
    for sessions in subjects.values() {
        let ids = sessions.iter().map(|case| case.id.clone());
        if let Some(smallest) = folds
            .iter_mut()
            .min_by_key(|fold: &&mut Vec<String>| fold.len())
        {
            smallest.extend(ids);
        }
    }
    for fold in &mut folds {
        fold.sort();
    }
    Ok(folds)
}

/// Groups cases by subject, in the order of the hash of `split_seed` and the subject's name.
fn by_hash<'a>(
    cases: impl Iterator<Item = &'a CaseSource>,
    config: &DataConfig,
) -> BTreeMap<Vec<u8>, Vec<&'a CaseSource>> {
    let mut subjects: BTreeMap<Vec<u8>, Vec<&CaseSource>> = BTreeMap::new();
    for case in cases {
        let mut hasher = Sha256::new();
        hasher.update(config.split_seed.to_le_bytes());
        hasher.update(case.subject.as_bytes());
        let hash = hasher.finalize().to_vec();
        subjects.entry(hash).or_default().push(case);
    }
    subjects
}

/// Returns the split that the dataset itself states.
fn by_table(cases: &[CaseSource]) -> Result<BTreeMap<String, Part>, DataError> {
    if cases.iter().all(|case| case.part.is_none()) {
        return Err(DataError::Setting {
            field: "part_b",
            problem: "expected part_b, part_b_count or a data set with its own split, got none"
                .to_owned(),
        });
    }
    cases
        .iter()
        .map(|case| match case.part {
            Some(part) => Ok((case.id.clone(), part)),
            None => Err(DataError::Setting {
                field: "part_b",
                problem: format!(
                    "expected a split for every case, got none for \"{}\"",
                    case.id
                ),
            }),
        })
        .collect()
}

/// Draws whole subjects in the order of their hash until there are at least `count` cases.
fn draw(
    cases: &[CaseSource],
    config: &DataConfig,
    count: usize,
) -> Result<BTreeSet<String>, DataError> {
    let reserved = config.part_a.iter().chain(&config.held_out).flatten();
    let reserved: BTreeSet<&String> = reserved.collect();
    let subjects = by_hash(
        cases.iter().filter(|case| !reserved.contains(&case.id)),
        config,
    );
    let free = subjects.values().map(Vec::len).sum();
    if count > free {
        return Err(DataError::Setting {
            field: "part_b_count",
            problem: format!("expected at most the {free} cases there are, got {count}"),
        });
    }
    let mut drawn = BTreeSet::new();
    for sessions in subjects.values() {
        if drawn.len() >= count {
            break;
        }
        drawn.extend(sessions.iter().map(|case| case.id.clone()));
    }
    Ok(drawn)
}

/// Returns what is wrong with the cases that are held out: without folds none may be in Part B, and
/// no other case of Part A may be of the same subject.
fn held_out_in_part(assigned: &[(CaseSource, Part)], config: &DataConfig) -> Vec<DataError> {
    let problem = |problem| DataError::Setting {
        field: "held_out",
        problem,
    };
    let (held, others): (Vec<_>, Vec<_>) = assigned
        .iter()
        .partition(|(case, _)| config.holds_out(&case.id));
    let mut problems = Vec::new();
    for (case, part) in held {
        if *part == Part::B {
            if config.folds.is_none() {
                let id = &case.id;
                problems.push(problem(format!(
                    "expected cases of Part A, got \"{id}\", which is in Part B"
                )));
            }
            continue;
        }
        let same = |(other, part): &&&(CaseSource, Part)| {
            *part == Part::A && other.subject == case.subject
        };
        if let Some((other, _)) = others.iter().find(same) {
            problems.push(problem(format!(
                "expected whole subjects, got \"{}\" and not \"{}\" of the same subject",
                case.id, other.id
            )));
        }
    }
    problems
}

fn subjects_in_both(assigned: &[(CaseSource, Part)]) -> Vec<DataError> {
    // The first case of each part.
    let mut parts: BTreeMap<&str, BTreeMap<Part, &CaseSource>> = BTreeMap::new();
    for (case, part) in assigned {
        let first = parts.entry(&case.subject).or_default();
        first.entry(*part).or_insert(case);
    }
    let both = parts.into_iter().filter(|(_, parts)| parts.len() > 1);
    both.map(|(subject, parts)| {
        let named = parts.into_iter().map(|(part, case)| {
            let file = match &case.source {
                Source::Files { image, .. } => format!(" ({})", image.display()),
                Source::Phantom { .. } => String::new(),
            };
            format!("case \"{}\"{file} in Part {part:?}", case.id)
        });
        DataError::SubjectInBoth {
            subject: subject.to_owned(),
            cases: named.collect::<Vec<_>>().join(", "),
        }
    })
    .collect()
}
