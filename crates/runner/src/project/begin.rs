//! `slicewise init`: begins a project in the working directory.

use super::arguments::InitArguments;
use super::file::{Preparation, ProjectFile};
use super::work::{failure, name_of};
use crate::failure::{Failure, Outcome};
use crate::segmenter::median;
use anyhow::{Context, anyhow};
use slicewise_core::{SliceAxis, write_whole};
use slicewise_data::scan::read_scan;
use slicewise_data::{Normalise, Spacing};
use slicewise_model::{ModelConfig, TrainingConfig};
use slicewise_project::{Event, Project, ProjectFolder, find_scans, take_in, write_scans};
use std::path::Path;

/// Spacings that differ by a smaller share are the same.
const SAME_SPACING: f64 = 0.01;

/// The largest crop `[D, H, W]`, which trains in about a second a step on two cores.
const LARGEST_CROP: [usize; 3] = [32, 80, 80];

/// Each coarser level of the network halves the grid, so crops are multiples of this.
const CROP_MULTIPLE: usize = 8;

/// Begins a project in the working directory, or says that it is one already.
pub(crate) fn init(arguments: &InitArguments) -> Outcome {
    let root = std::env::current_dir().context("the working directory")?;
    let folder = ProjectFolder::new(&root);
    let scans = std::path::absolute(&arguments.scans).context("the folder of scans")?;
    let found = find_scans(&scans).map_err(failure)?;
    let mut project =
        Project::open(folder.clone(), &name_of(arguments.who.name.as_deref())).map_err(failure)?;
    let classes = classes(&arguments.classes);
    if !project.state().id.is_empty() {
        // An attempt that was cut short may have begun the project and not taken in its scans.
        if project.state().scans.is_empty() {
            let file = ProjectFile::read(&folder)?;
            take_in(&mut project, &file.settings()).map_err(failure)?;
        }
        let known: Vec<&String> = project.state().scans.keys().collect();
        let same = project.state().classes == classes
            && found.iter().all(|(case, _)| known.contains(&case));
        if same {
            println!("{}: a project with these scans already", root.display());
            return Ok(());
        }
        return Err(Failure::input(anyhow!(
            "{}: expected no project, got one with {} scans and the classes {}; add scans to scans.csv, or \
             begin another project in another folder",
            root.display(),
            known.len(),
            project.state().classes.join(", ")
        )));
    }
    // Without a history these files are from an attempt that was cut short.
    let file = settings(arguments, &root, &found, &classes)?;
    if let Some(problem) = file.problem() {
        return Err(Failure::input(anyhow!("{problem}")));
    }
    let text = filled(&file);
    write_whole(&folder.settings(), text.as_bytes())
        .with_context(|| folder.settings().display().to_string())?;
    write_scans(&folder.scans(), &found).map_err(failure)?;
    project.record(Event::Init { classes }).map_err(failure)?;
    take_in(&mut project, &file.settings()).map_err(failure)?;
    println!(
        "{}: a project of {} scans begins; see slicewise.yaml and scans.csv, then `slicewise ask`",
        root.display(),
        found.len()
    );
    Ok(())
}

/// Background comes first, whether it was named or not.
fn classes(named: &[String]) -> Vec<String> {
    let foreground = named.iter().filter(|name| *name != "background").cloned();
    std::iter::once("background".to_owned())
        .chain(foreground)
        .collect()
}

/// Returns settings that suit the scans.
fn settings(
    arguments: &InitArguments,
    root: &Path,
    scans: &[(String, std::path::PathBuf)],
    classes: &[String],
) -> Outcome<ProjectFile> {
    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    let name = arguments.name.clone().unwrap_or_else(|| name_from(&folder));
    let name = name
        .parse()
        .map_err(|error| Failure::input(anyhow!("--name: {error}")))?;
    let normalise = match arguments.ct {
        true => Normalise::Ct(None),
        false => Normalise::Mr,
    };
    let mut file = ProjectFile {
        name,
        classes: classes.to_vec(),
        slice_axis: arguments.axis.into(),
        preparation: Preparation {
            normalise,
            ..Preparation::default()
        },
        ask: super::file::Ask::default(),
        model: ModelConfig::default(),
        training: TrainingConfig {
            soft_dice: 1.0,
            ..TrainingConfig::default()
        },
        committee: None,
        steps: arguments.steps,
        seed: 1,
        threads: std::thread::available_parallelism().map_or(1, |n| n.get().min(8)),
        device: "auto".to_owned(),
    };
    let known = file.settings();
    let (mut spacings, mut shapes) = (Vec::new(), Vec::new());
    for (_, path) in scans {
        let image = read_scan(path, known.axis, &known.preparation).map_err(Failure::input)?;
        spacings.push(image.geometry.spacing_mm());
        shapes.push(image.voxels.dim());
    }
    let typical = median(&spacings);
    let differs = |spacing: &[f64; 3]| {
        let pairs = spacing.iter().zip(typical);
        pairs
            .into_iter()
            .any(|(a, b)| (a / b - 1.0).abs() > SAME_SPACING)
    };
    // Sizes go by axis of the body, which the sliced array has in another order.
    if spacings.iter().any(differs) {
        let mut zyx = [0.0; 3];
        let axis = known.axis.of_spacing(typical);
        for (place, from) in axis.order().into_iter().enumerate() {
            zyx[from] = (typical[place] * 1000.0).round() / 1000.0;
        }
        let [z, y, x] = zyx;
        file.preparation.spacing_mm = Some(Spacing::ByAxis([x, y, z]));
    }
    let lengths = [0, 1, 2].map(|axis: usize| {
        let of = |&(d, h, w): &(usize, usize, usize)| [d, h, w][axis];
        let shortest = shapes.iter().map(of).min().unwrap_or(CROP_MULTIPLE);
        // A crop as deep as the volume has only one place, see `training.crop`.
        let wanted = if axis == 0 {
            shortest * 2 / 3
        } else {
            shortest
        };
        wanted.next_multiple_of(CROP_MULTIPLE)
    });
    file.training.crop =
        [0, 1, 2].map(|axis| lengths[axis].clamp(CROP_MULTIPLE, LARGEST_CROP[axis]));
    Ok(file)
}

/// The file as it is written, whose words in capitals stand for values.
const TEMPLATE: &str = include_str!("template.yaml");

/// Returns the text of the settings.
fn filled(file: &ProjectFile) -> String {
    let mut preparation = match &file.preparation.normalise {
        Normalise::Mr => "normalise: mr".to_owned(),
        Normalise::Ct(_) => "normalise: ct".to_owned(),
    };
    if let Some(spacing) = file.preparation.spacing_mm {
        preparation = format!("spacing_mm: {:?}, {preparation}", spacing.xyz());
    }
    let axis = match file.slice_axis {
        SliceAxis::Axial => "axial",
        SliceAxis::Sagittal => "sagittal",
        SliceAxis::Coronal => "coronal",
        SliceAxis::Thickest => "thickest",
    };
    let values = [
        ("NAME", file.name.name().to_owned()),
        ("CLASSES", format!("{:?}", file.classes)),
        ("AXIS", axis.to_owned()),
        ("PREPARATION", preparation),
        ("LEVELS", file.model.levels.to_string()),
        ("CROP", format!("{:?}", file.training.crop)),
        ("STEPS", file.steps.to_string()),
        ("THREADS", file.threads.to_string()),
    ];
    let lines = TEMPLATE.lines().map(|line| {
        let mut line = line.to_owned();
        if !line.trim_start().starts_with('#') {
            // Not each in turn: a class may be called as one of the words.
            if let Some((word, value)) = values.iter().find(|(word, _)| line.contains(word)) {
                line = line.replacen(word, value, 1);
            }
        }
        line + "\n"
    });
    lines.collect()
}

/// Makes a project's name of a folder's.
fn name_from(folder: &str) -> String {
    let name: String = folder
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        })
        .collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let name = name.trim_end_matches('-');
    match name.is_empty() {
        true => "scans".to_owned(),
        false => name.chars().take(64).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_that_are_written_are_read_as_they_were_meant() {
        let mut file = ProjectFile {
            name: "heads".parse().unwrap(),
            classes: classes(&["grey: matter".to_owned(), "AXIS".to_owned()]),
            slice_axis: SliceAxis::Coronal,
            preparation: Preparation::default(),
            ask: super::super::file::Ask::default(),
            model: ModelConfig::default(),
            training: TrainingConfig {
                soft_dice: 1.0,
                crop: [16, 40, 48],
                ..TrainingConfig::default()
            },
            committee: None,
            steps: 77,
            seed: 1,
            threads: 3,
            device: "auto".to_owned(),
        };
        for (normalise, spacing) in [
            (Normalise::Mr, None),
            (Normalise::Ct(None), Some(Spacing::ByAxis([0.5, 1.0, 3.25]))),
        ] {
            file.preparation.normalise = normalise;
            file.preparation.spacing_mm = spacing;
            let read: ProjectFile = serde_yaml::from_str(&filled(&file)).unwrap();
            assert_eq!(read, file);
        }
    }

    #[test]
    fn a_projects_name_is_made_of_its_folders() {
        assert_eq!(name_from("My Scans (2026)"), "my-scans--2026");
        assert_eq!(name_from("2026"), "scans");
    }
}
