//! The command line: subcommands and their arguments.

use crate::project::arguments::{
    AnnotateArguments, AskArguments, ExportArguments, ImportArguments, InitArguments, LogArguments,
    NextArguments, PredictArguments, RetractArguments, StatusArguments, WhoArguments,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use slicewise_data::Task;
use std::path::PathBuf;

/// Slice-wise active learning in 3D medical image segmentation: reproducible experiments.
#[derive(Debug, Parser)]
#[command(name = "slicewise", version, max_term_width = 100)]
#[command(long_version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SLICEWISE_COMMIT"), ")"))]
#[command(after_help = "Exit codes: 0 done; 1 a run failed; 2 bad input, nothing was run.")]
pub(crate) struct Program {
    /// Say nothing on standard error but why something failed
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an experiment, or go on with it after its last whole rounds; then write its report
    Sweep(SweepArguments),
    /// List the runs of an experiment, each with the index by which `run` does it
    Runs(RunsArguments),
    /// Do one run of an experiment: for schedulers of clusters (docs/cluster.md)
    Run(RunArguments),
    /// Write tables, figures and report.html of a results folder again
    Report {
        /// The results folder
        folder: PathBuf,
    },
    /// Write the reports of several results folders again, and one page of all of them
    Page {
        /// The page, an .html file
        out: PathBuf,
        /// The results folders
        #[arg(required = true)]
        folders: Vec<PathBuf>,
    },
    /// Check that a results folder is whole and that its tables follow from its records
    Verify {
        /// The results folder
        folder: PathBuf,
    },
    /// Compress the records of results folders that are to be kept; all commands read them so too
    Pack {
        /// The results folders
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// Write the records of each run to a file of their own again
        #[arg(long)]
        undo: bool,
    },
    /// Validate an experiment without running it: config, data, splits, disk, memory, time
    Check(CheckArguments),
    /// Write procedural newborn heads as NIfTI files
    Phantom(PhantomArguments),
    /// Print the machine that runs would use; exit with 1 if no run could start
    Doctor {
        /// auto, cpu or cuda:N
        #[arg(long, default_value = "auto")]
        device: String,
        /// Print a JSON object in place of lines
        #[arg(long)]
        json: bool,
    },
    /// List what an experiment can name
    List {
        /// Which registry
        #[arg(value_enum)]
        what: Registry,
    },
    /// Print the JSON Schema of an experiment's YAML, with which editors complete and check it
    Schema {
        /// Print it as a page to read: docs/configuration.md
        #[arg(long)]
        markdown: bool,
    },
    /// Print a script with which a shell completes this program's command line
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Begin a project in this folder: scans that people annotate slice by slice
    Init(InitArguments),
    /// Say how far the sweep of a results folder is; without one, what the project here has and lacks
    Status(StatusArguments),
    /// Choose slices to draw next, and hand them out as files
    Ask(AskArguments),
    /// Draw the slices that wait, on a page in the browser
    Annotate(AnnotateArguments),
    /// Take in drawn slices: all that changed in `tasks`, or the files given
    Import(ImportArguments),
    /// Train the project's model on all that is drawn
    Train(WhoArguments),
    /// Segment all scans of the project, or any scans with the network of a sweep's run
    Predict(PredictArguments),
    /// Import; when nothing waits, train, predict and ask again
    Next(NextArguments),
    /// Take back a drawn slice
    Retract(RetractArguments),
    /// Say what happened in the project, a line an event
    Log(LogArguments),
    /// Write segmentations, or an nnU-Net data set
    Export(ExportArguments),
    /// One run of a sweep, in a process of its own; `sweep` starts it
    #[command(hide = true)]
    Worker(WorkerArguments),
}

/// An experiment, and where it is done.
#[derive(Debug, Args)]
pub(crate) struct ExperimentArguments {
    /// The experiment's YAML file
    pub(crate) experiment: PathBuf,
    /// Where to write [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// auto, cpu or cuda:N, in place of the experiment's `device`
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Where preprocessed volumes are kept
    #[arg(long, value_name = "DIR", default_value = ".cache/volumes")]
    pub(crate) cache: PathBuf,
}

/// Arguments of `sweep`.
#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    #[command(flatten)]
    pub(crate) what: ExperimentArguments,
    /// Runs side by side [default: cores / threads of a run; on a GPU at most 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Do this task's runs now and leave the others for later; may be given several times
    #[arg(long = "task", value_name = "TASK")]
    pub(crate) tasks: Vec<String>,
    #[command(flatten)]
    pub(crate) slurm: SlurmArguments,
}

/// Arguments of `sweep` for Slurm.
#[derive(Debug, Args)]
#[command(next_help_heading = "Slurm")]
pub(crate) struct SlurmArguments {
    /// Submit the runs to Slurm in place of running them here
    #[arg(long)]
    pub(crate) slurm: bool,
    /// Partition of the jobs
    #[arg(long, value_name = "P")]
    pub(crate) partition: Option<String>,
    /// Time limit of each job; shortly before it a run saves and is queued again
    #[arg(long, value_name = "T")]
    pub(crate) time: Option<String>,
    /// Memory of each job, such as 8G
    #[arg(long, value_name = "M")]
    pub(crate) mem: Option<String>,
    /// GPUs of each run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) gpus: Option<u16>,
    /// The most runs at work at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// More options of sbatch, such as "--account=lab --exclude=node7"
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub(crate) sbatch: Option<String>,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    /// The experiment's YAML file
    pub(crate) experiment: PathBuf,
    /// Its results folder [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Only runs that wait for no other: first rounds and full annotation
    #[arg(long, conflicts_with = "forks")]
    pub(crate) first: bool,
    /// Only runs that continue from a first round
    #[arg(long)]
    pub(crate) forks: bool,
    /// Only runs that are not done
    #[arg(long)]
    pub(crate) open: bool,
    /// Print indexes alone, a line each
    #[arg(long, conflicts_with = "json")]
    pub(crate) indexes: bool,
    /// Print a JSON array in place of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) what: ExperimentArguments,
    /// The run's index, as `slicewise runs` prints it
    #[arg(long, value_name = "N")]
    pub(crate) index: usize,
    /// Do the K-th of the runs that continue from run N, from 1, in its place; 0 for run N itself
    #[arg(long, value_name = "K", default_value_t = 0, hide = true)]
    pub(crate) fork: usize,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The experiment's YAML file
    pub(crate) experiment: PathBuf,
    /// Where the sweep would write [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Runs it would run side by side [default: cores / threads of a run; on a GPU at most 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// auto, cpu or cuda:N, in place of the experiment's `device`
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Where preprocessed volumes are kept
    #[arg(long, value_name = "DIR", default_value = ".cache/volumes")]
    pub(crate) cache: PathBuf,
    /// Show every case, not only some thirty
    #[arg(long)]
    pub(crate) all: bool,
    /// Print one JSON object with cases, warnings and problems in place of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `phantom`.
#[derive(Debug, Args)]
pub(crate) struct PhantomArguments {
    /// The folder to write: images, labels, masks and a manifest.csv
    pub(crate) out: PathBuf,
    /// How many heads
    #[arg(long, default_value_t = 4)]
    pub(crate) subjects: usize,
    /// Seed of the heads
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Voxel size in mm
    #[arg(long, default_value_t = 2.0)]
    pub(crate) spacing_mm: f64,
}

/// Arguments of the hidden `worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// The results folder
    pub(crate) folder: PathBuf,
    /// The task's name
    #[arg(long)]
    pub(crate) task: Task,
    /// The model's name in the config
    #[arg(long)]
    pub(crate) model: String,
    /// The strategy's name, `first` or `full`
    #[arg(long)]
    pub(crate) strategy: String,
    /// Seed of the run
    #[arg(long)]
    pub(crate) seed: u64,
    /// Number of the fold, from 1, that is unseen
    #[arg(long)]
    pub(crate) fold: Option<usize>,
    /// Where preprocessed volumes are kept
    #[arg(long)]
    pub(crate) cache: PathBuf,
    /// Time a prediction before anything else, for the sweep's estimate
    #[arg(long)]
    pub(crate) time: bool,
}

/// What `list` can list.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Registry {
    /// Query strategies
    Strategies,
    /// Network architectures
    Models,
    /// Datasets
    Datasets,
}
