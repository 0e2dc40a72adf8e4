//! Decides what `device: auto` and `precision: auto` stand for, once, when a sweep begins.
//!
//! `config.yaml` in the results folder then holds the choice. A sweep that continues keeps it, on
//! whatever machine, so that all its records come from one arithmetic.

use crate::config::{ExperimentConfig, device_name};
use crate::failure::{Failure, Outcome};
use anyhow::{Context, anyhow};
use slicewise_experiment::ResultsFolder;
use slicewise_model::{Device, Precision, choose_device, unused_gpu};

/// An experiment in which every `auto` is replaced.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The experiment.
    pub(crate) config: ExperimentConfig,
    /// The precision and why, such as `float32: this processor (AVX2) has no bf16 instructions`.
    pub(crate) precision: String,
    /// Notes for the user, one sentence each: choices of a continued sweep that this machine would
    /// not make, and why `auto` did not use a GPU.
    pub(crate) kept: Vec<String>,
}

/// Replaces every `auto` of an experiment: by the value in `folder`'s `config.yaml`, or, if there
/// is none, by this machine's choice. `device` is the command line's, if given.
pub(crate) fn resolve(
    mut config: ExperimentConfig,
    device: Option<&str>,
    folder: &ResultsFolder,
) -> Outcome<Resolved> {
    let held_path = folder.config();
    // A damaged config.yaml is refused later, when it is compared with the experiment.
    let held = match held_path.exists() {
        true => ExperimentConfig::read(&held_path).ok(),
        false => None,
    };
    if let Some(device) = device {
        if let Some(held) = held
            .as_ref()
            .filter(|held| ![&held.device, "auto"].contains(&device))
        {
            return Err(Failure::input(anyhow!(
                "{}: this sweep was begun on device: {}, got --device {device}; leave --device out, \
                 or choose another --out",
                held_path.display(),
                held.device
            )));
        }
        config.device = device.to_owned();
    }
    resolve_from(config, held.as_ref()).map_err(Failure::Input)
}

/// Does the work of [`resolve()`]; `held` is the folder's experiment.
fn resolve_from(
    mut config: ExperimentConfig,
    held: Option<&ExperimentConfig>,
) -> anyhow::Result<Resolved> {
    let former = config
        .tasks
        .iter()
        .filter(|(_, plan)| plan.steps.full.is_some());
    let mut kept: Vec<String> = former
        .map(|(task, _)| {
            format!(
                "tasks.{task}.steps.full is used no more: full annotation is evaluated at the steps of \
                 every point"
            )
        })
        .collect();
    if config.device != "auto" {
        // An unusable device is refused before anything is written. A sweep that continues needs
        // the device only if it has runs left, and checks it then.
        if held.is_none_or(|held| held.device != config.device) {
            choose_device(&config.device)?;
        }
    } else if let Some(held) = held.filter(|held| held.device != "auto") {
        if held.device == "cpu" && choose_device("auto")? != Device::Cpu {
            kept.push(
                "this sweep was begun with device: cpu, though there is a GPU here; it goes on with \
                 the CPU (another --out would use the GPU)"
                    .to_owned(),
            );
        }
        config.device.clone_from(&held.device);
    } else {
        let chosen = choose_device("auto")?;
        if chosen == Device::Cpu {
            kept.extend(unused_gpu());
        }
        config.device = device_name(chosen);
    }
    let (chosen, why) = fastest(&config.device);

    let held_precision = held.map(|held| held.training.precision);
    let precision = match (config.training.precision, held_precision) {
        (Precision::Auto, Some(held)) if held != Precision::Auto => {
            config.training.precision = held;
            kept.extend(kept_precision(held, chosen, &why));
            format!("{}: the sweep that goes on was begun with it", held.name())
        }
        (Precision::Auto, _) => {
            config.training.precision = chosen;
            format!("{}: {why}", chosen.name())
        }
        (told, _) => format!("{}: the experiment says so", told.name()),
    };
    for (name, model) in &mut config.models {
        if model.precision == Some(Precision::Auto) {
            let held = held.and_then(|held| held.models.get(name)?.precision);
            let held = held.filter(|&held| held != Precision::Auto);
            model.precision = Some(held.unwrap_or(chosen));
        }
    }
    Ok(Resolved {
        config,
        precision,
        kept,
    })
}

/// Returns the fast precision on the device with this name, and why.
fn fastest(device: &str) -> (Precision, String) {
    let index = device
        .strip_prefix("cuda:")
        .and_then(|index| index.parse().ok());
    Precision::fastest_on(index.map_or(Device::Cpu, Device::Cuda))
}

/// Returns a note for a sweep that continues with `held` on a machine where `chosen` is faster.
fn kept_precision(held: Precision, chosen: Precision, why: &str) -> Option<String> {
    let pace = match (held, chosen) {
        (Precision::Bfloat16, Precision::Float32) => "which is slow here",
        (Precision::Float32, Precision::Bfloat16) => "though bfloat16 is faster here",
        _ => return None,
    };
    Some(format!(
        "this sweep was begun with precision: {}, {pace} ({why}); it goes on with it",
        held.name()
    ))
}

/// Fails if this machine lacks the device that the sweep was begun on. Only a sweep with runs left
/// needs it.
pub(crate) fn need_device(config: &ExperimentConfig, folder: &ResultsFolder) -> anyhow::Result<()> {
    choose_device(&config.device).map(drop).with_context(|| {
        format!(
            "{}: this sweep was begun on device: {}; go on with it where that is, or choose another \
             --out",
            folder.config().display(),
            config.device
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn smoke(more: &str) -> ExperimentConfig {
        let text = include_str!("../../../experiments/smoke.yaml");
        let text = text.replace("training:\n", &format!("{more}training:\n"));
        ExperimentConfig::parse(&text, Path::new("a.yaml")).unwrap()
    }

    #[test]
    fn what_a_folder_holds_is_what_auto_stands_for() {
        let fresh = resolve_from(smoke("device: cpu\n"), None).unwrap();
        let (fastest, why) = Precision::fastest_on(Device::Cpu);
        assert_eq!(fresh.config.training.precision, fastest);
        assert_eq!(fresh.precision, format!("{}: {why}", fastest.name()));
        assert_eq!(fresh.kept, Vec::<String>::new());

        for precision in [Precision::Float32, Precision::Bfloat16] {
            let mut held = fresh.config.clone();
            held.training.precision = precision;
            let resolved = resolve_from(smoke(""), Some(&held)).unwrap();
            assert_eq!(resolved.config, held);
            let start = format!(
                "this sweep was begun with precision: {}, ",
                precision.name()
            );
            let kept = resolved.kept.iter().filter(|line| line.starts_with(&start));
            assert_eq!(kept.count(), usize::from(precision != fastest));
        }
        // A GPU that this machine lacks is kept too; whether it is needed is decided later.
        let mut held = fresh.config;
        held.device = "cuda:77".to_owned();
        assert_eq!(resolve_from(smoke(""), Some(&held)).unwrap().config, held);
        assert!(resolve_from(smoke("device: cuda:77\n"), None).is_err());
        let why = need_device(&held, &ResultsFolder::new("out")).unwrap_err();
        assert!(format!("{why:#}").starts_with(
            "out/config.yaml: this sweep was begun on device: cuda:77; go on with it where that is, \
             or choose another --out: device \"cuda:77\": libtorch sees "
        ));
    }

    /// Reads the experiment that a folder of results holds. What is asked of it is its device and
    /// arithmetic, so the plans may be of an older version: their steps are replaced.
    fn read_held(path: &Path) -> Option<ExperimentConfig> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut held: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        for (_, plan) in held["tasks"].as_mapping_mut().unwrap() {
            plan["steps"] = serde_yaml::from_str("{budget: 1000}").unwrap();
        }
        let text = serde_yaml::to_string(&held).unwrap();
        Some(ExperimentConfig::parse(&text, path).unwrap())
    }

    /// The committed results were made with an older default, or on another kind of machine.
    #[test]
    fn committed_results_go_on_with_what_they_hold() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut found = 0;
        let folders = ["", "earlier", "newborns", "phantoms"].into_iter();
        let entries = folders
            .flat_map(|folder| std::fs::read_dir(root.join("results").join(folder)).unwrap());
        for entry in entries {
            let Some(held) = read_held(&entry.unwrap().path().join("config.yaml")) else {
                continue;
            };
            let experiment = root.join(format!("experiments/{}.yaml", held.name));
            let experiment = ExperimentConfig::read(&experiment).unwrap();
            let config = resolve_from(experiment, Some(&held)).unwrap().config;
            assert_eq!(config.device, held.device, "{}", held.name);
            for model in held.models.keys() {
                assert_eq!(config.precision(model), held.precision(model), "{model}");
            }
            found += 1;
        }
        // Three earlier ones, two or more of newborns, and four of phantoms.
        assert!(found >= 7, "{found} results");
    }

    #[test]
    fn a_models_own_auto_is_resolved_too() {
        let mut config = smoke("device: cpu\n");
        config.training.precision = Precision::Bfloat16;
        config.models[0].precision = Some(Precision::Auto);
        let resolved = resolve_from(config.clone(), None).unwrap();
        assert_eq!(resolved.precision, "bfloat16: the experiment says so");
        let own = Precision::fastest_on(Device::Cpu).0;
        assert_eq!(resolved.config.precision("attention-unet"), own);
        let mut held = resolved.config;
        held.models[0].precision = Some(Precision::Float32);
        assert_eq!(resolve_from(config, Some(&held)).unwrap().config, held);
    }
}
