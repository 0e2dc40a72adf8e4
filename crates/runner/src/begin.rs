//! Makes a results folder ready for its runs: reads the experiment, prepares volumes, writes what comes
//! before the first step, and finds the runs that are not whole.

use crate::cases;
use crate::command::ExperimentArguments;
use crate::config::ExperimentConfig;
use crate::estimate::Voxels;
use crate::failure::{Failure, Outcome};
use crate::held::{Held, held, other_versions};
use crate::notice::notice;
use crate::provenance::{COMMIT, grown, manifest};
use crate::resolve::{Resolved, need_device, resolve};
use crate::segmenter;
use anyhow::{Context, anyhow, bail};
use slicewise_data::{Task, TaskData};
use slicewise_experiment::{
    ExperimentError, FolderLock, Manifest, PreparedRun, Results, ResultsFolder, Run, holder,
    packed, replace,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// The longest time that a sweep waits for the workers of a killed one to end.
const LONGEST_WAIT_FOR_WORKERS: Duration = Duration::from_secs(600);

/// Time between two looks at what another process is doing.
const LOOK: Duration = Duration::from_millis(100);

/// A results folder that is ready for its runs.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The resolved experiment.
    pub(crate) config: ExperimentConfig,
    /// Its folder.
    pub(crate) folder: ResultsFolder,
    /// The runs that were asked for and are not whole, each with its number of rounds on disk.
    pub(crate) open: Vec<(Run, usize)>,
    pub(crate) voxels: BTreeMap<Task, Voxels>,
    /// Keeps other sweeps away; `None` if the folder was ready and only one of its runs is to be done.
    pub(crate) lock: Option<FolderLock>,
}

/// What is to be done in a folder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// A sweep over these tasks. No other process may work in the folder.
    Tasks(&'a BTreeSet<Task>),
    /// A sweep whose runs others do, and may be doing.
    Submit,
    /// One run, beside others that other processes do.
    Run(&'a Run),
}

/// Makes the folder of `named`, which was read from `arguments.experiment`, ready.
pub(crate) fn begin(
    arguments: &ExperimentArguments,
    named: ExperimentConfig,
    scope: Scope,
) -> Outcome<Begun> {
    let folder = ResultsFolder::new(named.folder(arguments.out.as_deref()));
    let lock = match scope {
        Scope::Tasks(_) | Scope::Submit => Some(FolderLock::take(&folder).map_err(Failure::input)?),
        Scope::Run(_) => lock_unless_ready(arguments, &named, &folder)?,
    };
    let Resolved { config, kept, .. } = resolve(named, arguments.device.as_deref(), &folder)?;
    let text = config.to_yaml()?;
    let held = held(&folder, &config, &text).map_err(Failure::input)?;
    if let Scope::Tasks(_) = scope {
        wait_for_others(&folder, &config, lock.as_ref()).map_err(Failure::input)?;
    }
    if lock.is_some() {
        packed::unpack(&folder).map_err(Failure::input)?;
    }
    slicewise_data::notes(&config.data).iter().for_each(notice);
    let begun = folder.config().exists() && folder.manifest().exists();
    let data = match scope {
        Scope::Run(run) if lock.is_none() => load(arguments, &config, &[run.task])?,
        _ => load(
            arguments,
            &config,
            &config.tasks.keys().copied().collect::<Vec<_>>(),
        )?,
    };
    if !begun {
        cases::show(&config, &arguments.cache)?;
        let manifest = manifest(&config, &text, command("sweep", arguments), &data)?;
        prepare(&folder, &text, &manifest)?;
    } else if held == Held::Less && lock.is_some() {
        refuse_other_data(&folder, &data).map_err(Failure::input)?;
        let began = Manifest::read(&folder.manifest())?;
        prepare(&folder, &text, &grown(began, &config, &text))?;
    }
    if begun && lock.is_some() && config.has_programs() {
        let results = Results::read(folder.root()).map_err(Failure::input)?;
        let changed = other_versions(&config, &results.records);
        changed.iter().for_each(notice);
    }
    let open = open_runs(&config, &folder, &data, scope)?;
    let left = open.iter().map(|(run, _)| run);
    if let Some((setting, problem)) = config.missing_programs(left).first() {
        return Err(Failure::input(anyhow!(
            "{setting}: {problem}; paths are seen from where slicewise is started"
        )));
    }
    if begun && !open.is_empty() {
        refuse_other_data(&folder, &data).map_err(Failure::input)?;
        if !matches!(scope, Scope::Submit) {
            need_device(&config, &folder).map_err(Failure::Input)?;
        }
    }
    if !open.is_empty() {
        kept.iter().for_each(notice);
    }
    let voxels = data.iter().map(|data| (data.task, Voxels::of(data)));
    Ok(Begun {
        voxels: voxels.collect(),
        config,
        folder,
        open,
        lock,
    })
}

/// Locks a folder that is not ready for the runs of `named`: none has begun, it has fewer runs, or its
/// records are packed. While another process makes it ready, waits for that.
fn lock_unless_ready(
    arguments: &ExperimentArguments,
    named: &ExperimentConfig,
    folder: &ResultsFolder,
) -> Outcome<Option<FolderLock>> {
    let mut announced = false;
    loop {
        let whole = [folder.config(), folder.manifest()];
        if whole.iter().all(|path| path.exists()) && !folder.packed_records().exists() {
            let resolved = resolve(named.clone(), arguments.device.as_deref(), folder)?;
            let text = resolved.config.to_yaml()?;
            if held(folder, &resolved.config, &text).map_err(Failure::input)? == Held::Same {
                return Ok(None);
            }
        }
        match FolderLock::take(folder) {
            Ok(lock) => return Ok(Some(lock)),
            Err(ExperimentError::FolderInUse { holder, .. }) => {
                if !announced {
                    notice(format_args!("waiting for {holder} to prepare the folder"));
                    announced = true;
                }
                thread::sleep(LOOK);
            }
            Err(error) => return Err(Failure::input(error)),
        }
    }
}

/// Waits until the workers of a killed sweep have ended: each saves and ends by itself at its next step.
/// Refuses a folder in which other processes do runs.
fn wait_for_others(
    folder: &ResultsFolder,
    config: &ExperimentConfig,
    lock: Option<&FolderLock>,
) -> anyhow::Result<()> {
    let runs = config.runs();
    let at_work = || {
        let found = runs
            .iter()
            .map(|run| (run, holder::live(&folder.holder(run))));
        let found = found.filter_map(|(run, found)| found.map(|found| (run, found.name())));
        found.collect::<Vec<_>>()
    };
    if let Some(before) = lock.and_then(|lock| lock.before.as_ref()) {
        notice(format_args!(
            "{}: taken over from a sweep that was killed ({before})",
            folder.root().display()
        ));
        let started = Instant::now();
        let mut announced = false;
        while started.elapsed() < LONGEST_WAIT_FOR_WORKERS {
            let count = at_work().len();
            if count == 0 {
                break;
            }
            if !announced {
                notice(format_args!(
                    "waiting for its {count} run(s) to save and end"
                ));
                announced = true;
            }
            thread::sleep(LOOK);
        }
    }
    let others = at_work();
    if let [(run, holder), ..] = others.as_slice() {
        bail!(
            "{0}: {1} of its runs are at work outside of a sweep ({run}: {holder}); wait for them \
             (`slicewise status {0}` shows them) or end them, or choose another --out",
            folder.root().display(),
            others.len()
        );
    }
    Ok(())
}

fn load(
    arguments: &ExperimentArguments,
    config: &ExperimentConfig,
    tasks: &[Task],
) -> Outcome<Vec<TaskData>> {
    let mut data = Vec::new();
    for &task in tasks {
        notice(format_args!("preparing volumes of {}", task.name()));
        let definition = config.definition(task)?;
        let of_task = slicewise_data::load_task(task, &definition, &config.data, &arguments.cache)
            .map_err(Failure::input)?;
        let fits = segmenter::pooling(config, &of_task);
        let fits = fits.with_context(|| arguments.experiment.display().to_string());
        fits.map_err(Failure::Input)?;
        data.push(of_task);
    }
    Ok(data)
}

/// Lists the runs of `scope` that are not whole, each with its number of rounds on disk.
fn open_runs(
    config: &ExperimentConfig,
    folder: &ResultsFolder,
    data: &[TaskData],
    scope: Scope,
) -> Outcome<Vec<(Run, usize)>> {
    let mut open = Vec::new();
    for run in config.runs() {
        let wanted = match scope {
            Scope::Tasks(_) | Scope::Submit => true,
            Scope::Run(one) => run == *one,
        };
        if !wanted {
            continue;
        }
        let task_data = data.iter().find(|data| data.task == run.task);
        let task_data = task_data.ok_or_else(|| anyhow!("no data of {}", run.task.name()))?;
        let prepared = PreparedRun {
            folder,
            id: &run,
            plan: &config.tasks[&run.task],
            data: task_data,
            pictured: config.pictured(&run),
        };
        let (rounds, whole) = prepared.progress().map_err(Failure::input)?;
        if whole {
            prepared.remove_leftovers(rounds);
            // Of a process that was killed after its last record.
            if holder::live(&folder.holder(&run)).is_none() {
                let _ = fs::remove_file(folder.holder(&run));
            }
        } else {
            open.push((run, rounds));
        }
    }
    if let Scope::Tasks(tasks) = scope {
        open.retain(|(run, _)| tasks.contains(&run.task));
    }
    Ok(open)
}

/// Returns the command `name` that was given, without the arguments that change no record.
pub(crate) fn command(name: &str, arguments: &ExperimentArguments) -> String {
    let device = arguments.device.as_ref();
    let device = device.map_or_else(String::new, |device| format!(" --device {device}"));
    format!(
        "slicewise {name} {}{device}",
        arguments.experiment.display()
    )
}

/// Fails if a continued sweep would see other volumes than those it began with.
fn refuse_other_data(folder: &ResultsFolder, data: &[TaskData]) -> anyhow::Result<()> {
    let path = folder.manifest();
    let manifest = Manifest::read(&path)?;
    for data in data {
        let stated = manifest.data.iter().find(|held| held.task == data.task);
        let (stated, got) = (stated.map(|held| held.sha256.as_str()), data.sha256());
        if stated != Some(got.as_str()) {
            bail!(
                "{}: this sweep was begun on other volumes of {}: expected SHA-256 {}, got {got}; \
                 bring them back, or choose another --out",
                path.display(),
                data.task.name(),
                stated.unwrap_or("(none)")
            );
        }
    }
    if manifest.commit != COMMIT {
        notice(format_args!(
            "this sweep was begun by slicewise of commit {} and goes on with {COMMIT}",
            manifest.commit
        ));
    }
    Ok(())
}

/// Writes the first files of a results folder.
fn prepare(folder: &ResultsFolder, config: &str, manifest: &Manifest) -> anyhow::Result<()> {
    let manifest = serde_json::to_string_pretty(manifest)? + "\n";
    replace(&folder.manifest(), manifest.as_bytes())?;
    // The config goes last: a folder that has one is complete.
    Ok(replace(&folder.config(), config.as_bytes())?)
}
