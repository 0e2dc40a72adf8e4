//! Loads a task's data ready for training: lists, splits, reads and preprocesses, in parallel over
//! cases.

use crate::cache;
use crate::config::DataConfig;
use crate::datasets::{self, CaseSource, Dataset};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::line::one_line;
use crate::normalise::Intensities;
use crate::preprocess::preprocess;
use crate::source::read_case;
use crate::split;
use crate::twins::{self, Seen};
use rayon::prelude::*;
use slicewise_core::{Case, IntensityScale, Labels, Part, Task, TaskData, TaskDefinition};
use std::path::Path;

/// Reads and prepares all cases of a task, and compares their scans with each other. Cases that the folder `cache` holds already are read
/// from there.
///
/// # Errors
/// The first problem; [`crate::check_task`] finds all.
pub fn load_task(
    task: Task,
    definition: &TaskDefinition,
    config: &DataConfig,
    cache: &Path,
) -> Result<TaskData, DataError> {
    let selection = select(task, definition, config).map_err(first)?;
    let scale = scale(&selection, definition, config, cache)?;
    let grouping = &selection.grouping;
    let loaded = selection
        .cases
        .par_iter()
        .map(|(case, part)| {
            load_case(
                case,
                *part,
                definition,
                grouping,
                config,
                scale.as_ref(),
                cache,
            )
        })
        .collect::<Result<Vec<(Case, u64)>, DataError>>()?;
    let seen = selection.cases.iter().zip(&loaded);
    let seen = seen.map(|((case, part), (_, content))| Seen {
        case,
        part: *part,
        content: *content,
    });
    let (twins, _) = twins::compare(&seen.collect::<Vec<_>>(), config.folds.is_some());
    if let Some(problem) = twins.into_iter().next() {
        return Err(problem);
    }
    let loaded = loaded.into_iter().map(|(case, _)| case);
    let (held_out, cases) =
        loaded.partition(|case| case.part == Part::A && config.holds_out(&case.id));
    Ok(TaskData {
        task,
        definition: definition.clone(),
        classes: selection.grouping.classes,
        intensities: scale,
        cases,
        held_out,
    })
}

/// Returns the case ids of each fold of a task, none without folds. The first list is Part B of fold
/// 1, and so on.
///
/// # Errors
/// The first problem of the settings or the data set; [`crate::check_task`] finds all.
pub fn folds(
    definition: &TaskDefinition,
    config: &DataConfig,
) -> Result<Vec<Vec<String>>, DataError> {
    let Some(count) = config.folds else {
        return Ok(Vec::new());
    };
    let dataset = datasets::find(&config.dataset)?;
    let cases = dataset.list(config, &definition.labels).map_err(first)?;
    split::deal(&cases, config, count)
}

/// Returns what a user should know of a data set that can be used, such as cases that are left out.
/// [`crate::examine`] finds what only the volumes show, too.
pub fn notes(config: &DataConfig) -> Vec<String> {
    let notes = datasets::find(&config.dataset).map(|dataset| dataset.notes(config));
    notes.iter().flatten().map(one_line).collect()
}

/// The cases of both parts, sorted by id, and what their labels mean.
pub(crate) struct Selection {
    pub(crate) cases: Vec<(CaseSource, Part)>,
    pub(crate) grouping: LabelGrouping,
}

/// Decides everything that needs no volume: settings, cases, split and classes.
pub(crate) fn select(
    task: Task,
    definition: &TaskDefinition,
    config: &DataConfig,
) -> Result<Selection, Vec<DataError>> {
    let dataset = datasets::find(&config.dataset).map_err(|problem| vec![problem])?;
    let mut problems = check_settings(config);
    let grouping = grouping(dataset, task, definition, config);
    let cases = dataset
        .list(config, &definition.labels)
        .and_then(|cases| split::assign(cases, config));
    match (grouping, cases) {
        (Ok(grouping), Ok(cases)) if problems.is_empty() => Ok(Selection { cases, grouping }),
        (grouping, cases) => {
            problems.extend(grouping.err());
            problems.extend(cases.err().into_iter().flatten());
            Err(problems)
        }
    }
}

/// Returns what the labels of a task mean.
pub(crate) fn grouping(
    dataset: &dyn Dataset,
    task: Task,
    definition: &TaskDefinition,
    config: &DataConfig,
) -> Result<LabelGrouping, DataError> {
    match &definition.labels {
        Labels::Mask => {
            let brain = task == Task::BRAIN_EXTRACTION;
            let name = if brain { "brain" } else { "foreground" };
            match dataset.classes(config) {
                Ok(all) => Ok(all.merged(name)),
                // A task of the mask needs no classes; then nobody says what labels mean.
                Err(DataError::Setting { .. }) if config.classes.is_none() => Ok(LabelGrouping {
                    any_above_0: true,
                    ..LabelGrouping::new(&[0], [(name, &[1][..])])
                }),
                Err(problem) => Err(problem),
            }
        }
        Labels::All => dataset.classes(config),
        Labels::Classes(names) => {
            let all = dataset.classes(config)?;
            all.chosen(names).map_err(|class| DataError::UnknownClass {
                task,
                class,
                known: all.classes[1..].to_vec(),
            })
        }
    }
}

/// Returns how intensities are scaled in every case, or `None` if each is standardised by itself. If
/// Part A decides, its scans are read before anything else.
fn scale(
    selection: &Selection,
    definition: &TaskDefinition,
    config: &DataConfig,
    cache: &Path,
) -> Result<Option<IntensityScale>, DataError> {
    let of_case = |(case, _): &(CaseSource, Part)| {
        let grouping = &selection.grouping;
        let cached = cache::path_of_intensities(cache, &case.source, definition, grouping, config)?;
        if let Some(counts) = cache::read_intensities(&cached) {
            return Ok(counts);
        }
        let raw = read_case(&case.source, definition, grouping, config).map_err(first)?;
        let counts = Intensities::of(&raw);
        cache::write_intensities(&cached, &counts)?;
        Ok(counts)
    };
    let cases = selection.cases.par_iter();
    let part_a = cases
        .filter(|(case, part)| *part == Part::A && !config.holds_out(&case.id))
        .filter(|_| config.normalise.needs_part_a())
        .map(of_case)
        .try_reduce(Intensities::default, |sum, counts| Ok(sum.add(&counts)))?;
    config.normalise.scale(&part_a)
}

fn check_settings(config: &DataConfig) -> Vec<DataError> {
    let mut problems = Vec::new();
    let mut setting = |field, problem: String| problems.push(DataError::Setting { field, problem });
    if let Some(spacing) = config.spacing_mm
        && !spacing
            .xyz()
            .iter()
            .all(|size| (0.05..=50.0).contains(size))
    {
        setting(
            "spacing_mm",
            format!("expected 0.05 to 50 mm, got {spacing}"),
        );
    }
    if let Some(problem) = config.normalise.problem() {
        setting("normalise", problem);
    }
    if !(0.0..=1000.0).contains(&config.margin_mm) {
        setting(
            "margin_mm",
            format!("expected 0 to 1000 mm, got {}", config.margin_mm),
        );
    }
    if !(0.0001..=0.5).contains(&config.grid_tolerance_voxels) {
        setting(
            "grid_tolerance_voxels",
            format!(
                "expected 0.0001 to 0.5 voxels, got {}",
                config.grid_tolerance_voxels
            ),
        );
    }
    if config.phantom.is_some() && config.dataset != "phantom" {
        setting(
            "phantom",
            format!("expected none with the dataset {}, got one", config.dataset),
        );
    }
    if config.position.is_some() && config.dataset == "phantom" {
        setting(
            "position",
            "expected none with the dataset phantom, which reads no files".to_owned(),
        );
    }
    let mut classes = config.classes.iter().flatten();
    if let Some(class) = classes.find(|class| class.eq_ignore_ascii_case("ignore")) {
        setting(
            "classes",
            format!("expected fully annotated labels, got a class \"{class}\""),
        );
    }
    if config.channel.is_some() && config.dataset != "msd" {
        setting(
            "channel",
            format!("expected none with the dataset {}, got one", config.dataset),
        );
    }
    if config.classes.is_some() && config.dataset != "manifest" {
        setting(
            "classes",
            format!(
                "expected none with the dataset {}, which names its own",
                config.dataset
            ),
        );
    }
    problems
}

/// Reads and prepares a case. Returns it and what [`twins::content`] says of its scan.
fn load_case(
    case: &CaseSource,
    part: Part,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
    scale: Option<&IntensityScale>,
    cache: &Path,
) -> Result<(Case, u64), DataError> {
    let cached = cache::path(cache, &case.source, definition, grouping, config, scale)?;
    let prepared = match cache::read(&cached) {
        Some(prepared) => prepared,
        None => {
            let raw = read_case(&case.source, definition, grouping, config).map_err(first)?;
            let classes = grouping.classes.len();
            let prepared = preprocess(raw, classes, config, scale)?;
            cache::write(&cached, &prepared)?;
            prepared
        }
    };
    let content = prepared.content;
    let case = Case {
        id: case.id.clone(),
        part,
        image: prepared.image,
        labels: prepared.labels,
        own: prepared.own,
        first_slice: prepared.first_slice,
    };
    Ok((case, content))
}

/// Returns the first of several problems. There is always one.
pub(crate) fn first(problems: Vec<DataError>) -> DataError {
    problems.into_iter().next().unwrap_or(DataError::EmptyPart {
        part: "A",
        cases: 0,
    })
}
