//! `slicewise sweep --slurm`: prepares the results folder here, and has Slurm do the runs, as arrays of
//! jobs that each do one ([`crate::runs`]), and then the report.
//!
//! Slurm decides when and where a run starts, and starts it again after a preemption or a dead node; the
//! run itself goes on from its checkpoint. The sweep's jobs have one name, made from its folder, by which
//! a second submission finds what is queued already.

mod plan;
mod queue;
mod script;

use crate::begin::{Begun, Scope, begin};
use crate::command::{ExperimentArguments, SlurmArguments, SweepArguments};
use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::held::{Held, held};
use crate::resolve::resolve;
use crate::runs::{IndexedRun, State, indexed};
use anyhow::{Context, anyhow, bail};
use plan::{Array, SlurmRun, Wait, by_run, plan, ranges};
use script::{Scripts, report_name};
use slicewise_data::Task;
use slicewise_experiment::ResultsFolder;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf, absolute};

impl SlurmArguments {
    /// Fails if options for Slurm were given without `--slurm`, or `--jobs` with it.
    pub(crate) fn check(&self, jobs: bool) -> anyhow::Result<()> {
        if self.slurm && jobs {
            bail!("--jobs: Slurm decides how many runs go on at once; --limit N bounds it");
        }
        let given = [
            ("partition", self.partition.is_some()),
            ("time", self.time.is_some()),
            ("mem", self.mem.is_some()),
            ("gpus", self.gpus.is_some()),
            ("limit", self.limit.is_some()),
            ("sbatch", self.sbatch.is_some()),
        ];
        match given.iter().find(|(_, given)| *given && !self.slurm) {
            Some((name, _)) => {
                bail!("--{name}: expected --slurm with it, which submits the sweep to Slurm")
            }
            None => Ok(()),
        }
    }
}

/// Prepares the sweep and submits what is neither whole nor queued.
pub(crate) fn run(
    arguments: &SweepArguments,
    named: ExperimentConfig,
    only: &BTreeSet<Task>,
) -> Outcome {
    queue::find().map_err(Failure::Input)?;
    foresee(arguments, &named)?;
    let begun = begin(&arguments.what, named, Scope::Submit)?;
    let folder = real(&begun.folder)?;
    let name = name_of(&folder);
    let scripts = Scripts {
        name: &name,
        program: &std::env::current_exe().context("the running program")?,
        folder: &folder,
        cache: &absolute(&arguments.what.cache).context("--cache")?,
        here: &std::env::current_dir().context("the current folder")?,
        threads: begun.config.threads,
        options: &arguments.slurm,
    };
    let (script, reporting) = scripts.write().map_err(Failure::Input)?;

    let queued = queue::queued(&name)?;
    // After the queue: what has left it by now may be done.
    let runs = runs(&begun, only)?;
    let queued = by_run(&runs, &queued);
    let limit = arguments.slurm.limit;
    let arrays = plan(&runs, &queued, queue::longest_array()?, limit.is_some());
    let before: BTreeSet<u32> = queued.values().map(|task| task.job).collect();
    let jobs = submit(&arrays, &before, limit, &script)?;
    let last = report(&name, &jobs, &before, &reporting)?;

    let whole = runs.iter().filter(|run| run.whole).count();
    let new: usize = arrays.iter().map(|array| array.tasks.len()).sum();
    println!(
        "{} runs: {whole} done, {} queued before, {new} submitted",
        runs.len(),
        queued.len()
    );
    if !jobs.is_empty() {
        println!("runs:   jobs {}", list(&jobs));
    }
    println!("report: job {last}, when they have ended");
    println!("watch:  slicewise status {}", begun.folder.root().display());
    println!("        squeue --name={name}");
    println!("end:    scancel --name={name}");
    println!("logs:   {}", folder.join("slurm").display());
    Ok(())
}

/// Refuses, before anything is written, what would leave jobs that do the wrong thing.
fn foresee(arguments: &SweepArguments, named: &ExperimentConfig) -> Outcome {
    let ExperimentArguments {
        experiment,
        out,
        device,
        ..
    } = &arguments.what;
    let folder = ResultsFolder::new(named.folder(out.as_deref()));
    let config = resolve(named.clone(), device.as_deref(), &folder)?.config;
    if arguments.slurm.gpus.is_some() && config.device == "cpu" {
        return Err(Failure::input(anyhow!(
            "--gpus: the runs of this sweep are on device: cpu, which was chosen where there is no GPU; \
             begin it on a node with one: srun --gpus=1 slicewise sweep {} --slurm …",
            experiment.display()
        )));
    }
    // A sweep that grows numbers its runs anew.
    let grows = held(&folder, &config, &config.to_yaml()?).map_err(Failure::input)? == Held::Less;
    if grows {
        let name = name_of(&real(&folder)?);
        let at_work = queue::queued(&name).map_err(Failure::Input)?;
        if !at_work.is_empty() {
            return Err(Failure::input(anyhow!(
                "{}: {} of its runs are queued or at work under the numbers that they have without what \
                 this experiment adds; wait for them, or end them with: scancel --name={name}",
                folder.root().display(),
                at_work.len()
            )));
        }
    }
    Ok(())
}

/// Returns the folder's path from the root, without links.
fn real(folder: &ResultsFolder) -> anyhow::Result<PathBuf> {
    let root = folder.root();
    fs::canonicalize(root).with_context(|| root.display().to_string())
}

/// Returns the name of the jobs of the sweep in `folder`, a path from the root.
fn name_of(folder: &Path) -> String {
    let hash = slicewise_core::hash::sha256_hex(folder.as_os_str().as_encoded_bytes());
    format!("slicewise-{}", &hash[..10])
}

/// Lists the runs of the tasks `only`.
fn runs(begun: &Begun, only: &BTreeSet<Task>) -> anyhow::Result<Vec<SlurmRun>> {
    let mut runs = indexed(&begun.config, &begun.folder)?;
    runs.retain(|run| only.contains(&run.run.task));
    let run = |run: &IndexedRun| SlurmRun {
        index: run.index,
        after: run.after,
        whole: run.state == State::Done,
    };
    Ok(runs.iter().map(run).collect())
}

/// Submits the arrays and returns their ids. `before` are those of the jobs that are queued already.
fn submit(
    arrays: &[Array],
    before: &BTreeSet<u32>,
    limit: Option<u32>,
    script: &Path,
) -> anyhow::Result<Vec<u32>> {
    let mut jobs: Vec<u32> = Vec::new();
    for array in arrays {
        let most = limit.map_or_else(String::new, |limit| format!("%{limit}"));
        let mut options = vec![
            format!("--array={}{most}", ranges(&array.tasks)),
            format!("--comment={}", queue::comment(array.place)),
        ];
        options.extend(match array.wait {
            Wait::Nothing => None,
            Wait::Queued(job) => Some(format!("--dependency=aftercorr:{job}")),
            Wait::New(place) => Some(format!("--dependency=aftercorr:{}", jobs[place])),
            Wait::Before => after_all(before.iter().chain(&jobs)),
        });
        options.push(script.display().to_string());
        options.extend([array.place.offset, array.place.fork].map(|number| number.to_string()));
        let job = queue::submit(&options);
        jobs.push(job.with_context(|| match jobs.is_empty() {
            true => "nothing was submitted".to_owned(),
            false => format!(
                "after jobs {}; the same command submits the rest",
                list(&jobs)
            ),
        })?);
    }
    Ok(jobs)
}

/// Submits the job that reports when all `jobs` have ended, in place of one that waits for fewer. Returns
/// the id of the one that is queued then.
fn report(name: &str, jobs: &[u32], before: &BTreeSet<u32>, script: &Path) -> anyhow::Result<u32> {
    let waiting = queue::jobs(&report_name(name))?;
    if let (true, Some(&last)) = (jobs.is_empty(), waiting.last()) {
        return Ok(last);
    }
    waiting.into_iter().try_for_each(queue::cancel)?;
    let mut options: Vec<String> = after_all(before.iter().chain(jobs)).into_iter().collect();
    options.push(script.display().to_string());
    queue::submit(&options)
}

/// Returns the option with which a job waits until all `jobs` have ended, however they did.
fn after_all<'a>(jobs: impl Iterator<Item = &'a u32>) -> Option<String> {
    let ids: String = jobs.map(|job| format!(":{job}")).collect();
    (!ids.is_empty()).then(|| format!("--dependency=afterany{ids}"))
}

fn list(jobs: &[u32]) -> String {
    let ids: Vec<String> = jobs.iter().map(u32::to_string).collect();
    ids.join(" ")
}
