//! `slicewise sweep`: prepares the results folder, runs what is not complete, and writes the
//! report.

use crate::cases;
use crate::command::SweepArguments;
use crate::config::ExperimentConfig;
use crate::estimate::Voxels;
use crate::failure::{Failure, Outcome};
use crate::held::{Held, held};
use crate::notice::notice;
use crate::resolve::{Resolved, need_device, resolve};
use crate::schedule;
use crate::segmenter;
use anyhow::{Context, anyhow, bail};
use slicewise_data::{Case, Part, SliceAxis, Task, TaskData};
use slicewise_experiment::{
    DataManifest, FolderLock, Manifest, PreparedRun, ResultsFolder, Run, ledger, packed, record,
    replace,
};
use slicewise_model::{InstructionSet, ModelConfig, ModelError, choose_device, kernel_path};
use slicewise_report::ReportError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The commit of the sources that the program was built from, `-dirty` where they had changes;
/// `unknown` where they lay in no git repository. The build script asks git (`build/commit.rs`).
pub(crate) const COMMIT: &str = env!("SLICEWISE_COMMIT");

/// The longest time that a sweep waits for the workers of a killed one to end.
const LONGEST_WAIT_FOR_WORKERS: Duration = Duration::from_secs(600);

/// Begins or continues the experiment.
pub(crate) fn run(arguments: &SweepArguments) -> Outcome {
    let named = ExperimentConfig::read(&arguments.experiment)?;
    let only = named_tasks(&named, arguments).map_err(Failure::input)?;
    let folder = ResultsFolder::new(named.folder(arguments.out.as_deref()));
    let Resolved { config, kept, .. } = resolve(named, arguments.device.as_deref(), &folder)?;
    let text = config.to_yaml()?;
    let held = held(&folder, &config, &text).map_err(Failure::input)?;
    let lock = FolderLock::take(&folder).map_err(Failure::input)?;
    if let Some(before) = &lock.before {
        notice(format_args!(
            "{}: taken over from a sweep that was killed ({before})",
            folder.root().display()
        ));
        wait_for_workers(&folder, &config.runs());
    }
    packed::unpack(&folder).map_err(Failure::input)?;

    slicewise_data::notes(&config.data).iter().for_each(notice);
    let mut data = Vec::new();
    for &task in config.tasks.keys() {
        notice(format_args!("preparing volumes of {}", task.name()));
        let definition = config.definition(task)?;
        let of_task = slicewise_data::load_task(task, &definition, &config.data, &arguments.cache)
            .map_err(Failure::input)?;
        let fits = segmenter::pooling(&config, &of_task);
        let fits = fits.with_context(|| arguments.experiment.display().to_string());
        fits.map_err(Failure::Input)?;
        data.push(of_task);
    }
    let begun = folder.config().exists() && folder.manifest().exists();
    if !begun {
        cases::show(&config, &arguments.cache)?;
        prepare(&folder, &text, &manifest(&config, &text, arguments, &data)?)?;
    } else if held == Held::Less {
        refuse_other_data(&folder, &data).map_err(Failure::input)?;
        let began = Manifest::read(&folder.manifest())?;
        prepare(&folder, &text, &grown(began, &config, &text))?;
    }

    let mut open = Vec::new();
    for run in config.runs() {
        let task_data = data.iter().find(|data| data.task == run.task);
        let task_data = task_data.ok_or_else(|| anyhow!("no data of {}", run.task.name()))?;
        let prepared = PreparedRun {
            folder: &folder,
            id: &run,
            plan: &config.tasks[&run.task],
            data: task_data,
            pictured: config.pictured(&run),
        };
        let (rounds, whole) = prepared.progress().map_err(Failure::input)?;
        if whole {
            prepared.remove_leftovers(rounds);
        } else {
            open.push((run, rounds));
        }
    }
    open.retain(|(run, _)| only.contains(&run.task));
    let left = open.iter().map(|(run, _)| run);
    if let Some((setting, problem)) = config.missing_programs(left).first() {
        return Err(Failure::input(anyhow!(
            "{setting}: {problem}; paths are seen from where slicewise is started"
        )));
    }
    if begun && !open.is_empty() {
        refuse_other_data(&folder, &data).map_err(Failure::input)?;
        need_device(&config, &folder).map_err(Failure::Input)?;
    }
    if !open.is_empty() {
        kept.iter().for_each(notice);
    }
    let voxels = data.iter().map(|data| (data.task, Voxels::of(data)));
    let voxels = voxels.collect();
    drop(data);
    let jobs = arguments
        .jobs
        .map_or_else(|| config.default_jobs(), usize::from);
    let ended = schedule::run(&schedule::Sweep {
        config: &config,
        folder: &folder,
        cache: &arguments.cache,
        open,
        jobs,
        voxels,
    })?;
    if ended.stopped {
        let tasks = arguments.tasks.iter();
        let tasks: String = tasks.map(|task| format!(" --task {task}")).collect();
        let out = arguments.out.as_ref();
        let out = out.map_or_else(String::new, |out| format!(" --out {}", out.display()));
        return Err(Failure::Run(anyhow!(
            "stopped; go on with: {}{tasks}{out}",
            command(arguments)
        )));
    }
    let failed = ended.failed;
    let reported = report(folder.root());
    if failed.is_empty() {
        return reported;
    }
    if let Err(failure) = reported {
        eprintln!("no report: {failure}");
    }
    Err(Failure::Run(anyhow!(
        "{} of {} runs failed; the same command tries them again:\n  {}",
        failed.len(),
        config.runs().len(),
        failed.join("\n  ")
    )))
}

/// Returns the tasks whose runs are to be done: those that the command names, else all.
fn named_tasks(
    config: &ExperimentConfig,
    arguments: &SweepArguments,
) -> anyhow::Result<BTreeSet<Task>> {
    let all = || config.tasks.keys();
    let find = |name: &String| {
        let found = all().find(|task| task.name() == name).copied();
        found.ok_or_else(|| {
            let names: Vec<&str> = all().map(|task| task.name()).collect();
            anyhow!(
                "--task: expected a task of {} ({}), got {name:?}",
                arguments.experiment.display(),
                names.join(", ")
            )
        })
    };
    match arguments.tasks.is_empty() {
        true => Ok(all().copied().collect()),
        false => arguments.tasks.iter().map(find).collect(),
    }
}

/// Returns the command that was given, without the arguments that change no record.
fn command(arguments: &SweepArguments) -> String {
    let device = arguments.device.as_ref();
    let device = device.map_or_else(String::new, |device| format!(" --device {device}"));
    format!("slicewise sweep {}{device}", arguments.experiment.display())
}

/// Waits until no worker of a killed sweep writes a ledger, but for 10 minutes at most. Such a
/// worker saves and ends by itself at its next step.
fn wait_for_workers(folder: &ResultsFolder, runs: &[Run]) {
    let started = Instant::now();
    let at_work = || {
        let ledgers = runs.iter().map(|run| folder.records(run));
        ledgers.filter(|path| ledger::in_use(path)).count()
    };
    let mut announced = false;
    while at_work() > 0 && started.elapsed() < LONGEST_WAIT_FOR_WORKERS {
        if !announced {
            notice(format_args!(
                "waiting for its {} run(s) to save and end",
                at_work()
            ));
            announced = true;
        }
        thread::sleep(Duration::from_millis(100));
    }
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

/// Writes tables, figures and the page of the results folder at `root`.
pub(crate) fn report(root: &Path) -> Outcome {
    let written = slicewise_report::write(root).map_err(failure)?;
    notice(format_args!("wrote {} files", written.len()));
    println!("{}", root.join("report.html").display());
    Ok(())
}

/// Writes the reports of `folders`, and one page for all of them.
pub(crate) fn page(out: &Path, folders: &[PathBuf]) -> Outcome {
    let written = slicewise_report::write_together(out, folders).map_err(failure)?;
    notice(format_args!("wrote {} files", written.len()));
    println!("{}", out.display());
    Ok(())
}

fn failure(error: ReportError) -> Failure {
    match error {
        ReportError::Read(_) | ReportError::NoRecords { .. } | ReportError::Picture(_) => {
            Failure::input(error)
        }
        _ => Failure::Run(error.into()),
    }
}

/// Writes the first files of a results folder.
fn prepare(folder: &ResultsFolder, config: &str, manifest: &Manifest) -> anyhow::Result<()> {
    let manifest = serde_json::to_string_pretty(manifest)? + "\n";
    replace(&folder.manifest(), manifest.as_bytes())?;
    // The config goes last: a folder that has one is complete.
    Ok(replace(&folder.config(), config.as_bytes())?)
}

/// Returns the manifest of a sweep that gets more runs; where it began stays.
fn grown(began: Manifest, config: &ExperimentConfig, text: &str) -> Manifest {
    notice(format_args!(
        "{} runs in place of {}: this sweep goes on with more than it began with",
        config.runs().len(),
        began.runs.len()
    ));
    Manifest {
        config_sha256: slicewise_core::hash::sha256_hex(text.as_bytes()),
        seeds: config.seeds.clone(),
        effort: config.effort,
        runs: config.runs(),
        ..began
    }
}

fn manifest(
    config: &ExperimentConfig,
    text: &str,
    arguments: &SweepArguments,
    data: &[TaskData],
) -> anyhow::Result<Manifest> {
    let ids = |cases: &[Case], part: Part| {
        cases
            .iter()
            .filter(|case| case.part == part)
            .map(|case| case.id.clone())
            .collect()
    };
    let environment = slicewise_model::environment();
    Ok(Manifest {
        schema: record::SCHEMA,
        name: config.name.clone(),
        question: config.question.clone(),
        command: command(arguments),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: COMMIT.to_owned(),
        program_sha256: program_sha256(),
        config_sha256: slicewise_core::hash::sha256_hex(text.as_bytes()),
        libtorch: environment.libtorch_version,
        tch: environment.tch_version,
        rustc: env!("SLICEWISE_RUSTC").to_owned(),
        cpu: environment.cpu,
        cores: environment.cores,
        threads: config.threads,
        instructions: InstructionSet::available().name().to_owned(),
        kernels: kernels(config)?,
        device: config.device.clone(),
        precision: config
            .models
            .keys()
            .map(|name| (name.clone(), config.precision(name).name().to_owned()))
            .collect(),
        models: config.models.keys().cloned().collect(),
        parameters: parameters(config, data)?,
        data: data
            .iter()
            .map(|data| {
                Ok(DataManifest {
                    task: data.task,
                    definition: config.tasks[&data.task].definition.clone(),
                    slice_axes: slice_axes(&data.cases),
                    intensities: data.intensities,
                    pooling: segmenter::pooling(config, data)?,
                    classes: data.classes.clone(),
                    part_a: ids(&data.cases, Part::A),
                    part_b: ids(&data.cases, Part::B),
                    folds: slicewise_data::folds(&data.definition, &config.data)?,
                    sha256: data.sha256(),
                })
            })
            .collect::<anyhow::Result<_>>()?,
        seeds: config.seeds.clone(),
        endpoint: config.endpoint.clone(),
        effort: config.effort,
        runs: config.runs(),
    })
}

/// The axis that each case with other than axial slices is sliced along.
fn slice_axes(cases: &[Case]) -> BTreeMap<String, SliceAxis> {
    let axes = cases
        .iter()
        .map(|case| (case.id.clone(), case.labels.geometry.slice_axis()));
    axes.filter(|(_, axis)| *axis != SliceAxis::Axial).collect()
}

/// SHA-256 of the program that runs, hex; empty where the system does not say which that is.
fn program_sha256() -> String {
    // Linux keeps what runs, even where a build has put another file in its place.
    let running = Path::new("/proc/self/exe");
    let read = match running.exists() {
        true => fs::read(running),
        false => std::env::current_exe().and_then(fs::read),
    };
    read.map_or_else(
        |_| String::new(),
        |bytes| slicewise_core::hash::sha256_hex(&bytes),
    )
}

/// Whose loops compute each model.
fn kernels(config: &ExperimentConfig) -> Result<BTreeMap<String, String>, ModelError> {
    let device = choose_device(&config.device)?;
    let of = |model: &ModelConfig| kernel_path(model, &config.training, device).to_owned();
    let models = config.models.iter();
    Ok(models
        .map(|(name, model)| (name.clone(), of(model)))
        .collect())
}

/// Returns the number of trainable weights of every model in every task.
fn parameters(
    config: &ExperimentConfig,
    data: &[TaskData],
) -> anyhow::Result<BTreeMap<String, BTreeMap<Task, u64>>> {
    let by_task = |model: &String| {
        data.iter()
            .map(|data| {
                let network = segmenter::settle(config, model, data)?;
                let parameters = segmenter::parameters(config, &network, data.classes.len())?;
                Ok((data.task, parameters))
            })
            .collect::<anyhow::Result<_>>()
    };
    let models = config.models.keys();
    models
        .map(|model| Ok((model.clone(), by_task(model)?)))
        .collect()
}
