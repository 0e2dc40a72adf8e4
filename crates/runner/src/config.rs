//! The experiment's YAML file: its structure, and the checks before anything runs. `resolve.rs`
//! replaces every `auto` by what it stands for.
//!
//! Unknown keys, unknown strategies and ratios out of range are refused. The message gives file,
//! line, column and the nearest valid word. A results folder keeps the resolved experiment as
//! `config.yaml`.

use crate::failure::{Failure, Outcome};
use crate::failures::FailureConfig;
use anyhow::{Context, anyhow};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slicewise_core::nearest;
use slicewise_data::line::one_line;
use slicewise_data::{DataConfig, Task, TaskDefinition};
use slicewise_experiment::{Effort, Endpoint, Run, TaskPlan, plan};
use slicewise_model::{CommitteeConfig, Device, ModelConfig, Precision, TrainingConfig};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Size limit of an experiment file, in bytes. YAML aliases repeat the text that they name, so the
/// parsed content can be as long as the square of the file.
const LONGEST: usize = 64 << 10;

/// The most folds, far more than pay: each is a whole experiment. Whether there are enough subjects is
/// known when the data is listed.
const MOST_FOLDS: usize = 1000;

/// Default number of runs side by side on one GPU. Each run is a process with its own CUDA context
/// of 1 to 1.5 GB. The runs take turns on the GPU; a few of them fill the gaps between one
/// another's kernel launches.
const JOBS_OF_A_GPU: usize = 4;

/// One experiment: the content of one YAML file. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExperimentConfig {
    /// Name of the experiment and of its results folder, `results/NAME`. Allowed: ASCII letters,
    /// digits, `-`, `_` and `.`, not starting with a dot. Required.
    pub(crate) name: String,
    /// The question that the experiment asks, in one sentence. The report shows it. Required.
    pub(crate) question: String,
    /// Seeds of the runs: whole numbers from 0, at least one, each only once. Every seed repeats
    /// the whole experiment with other first weights, crops and random queries. Volumes for the
    /// figures are kept for the first seed only. Required.
    pub(crate) seeds: Vec<u64>,
    /// CPU threads of each run, 1 or more. Default: 1, so that as many runs fit side by side as the
    /// machine has cores. libtorch's sums depend on the number of threads, so it is part of the
    /// experiment.
    #[serde(default = "one")]
    pub(crate) threads: usize,
    /// Device that trains and predicts: `cpu`, `cuda:N` (GPU number N, from 0) or `auto`. Default:
    /// `auto`, which takes a usable GPU if there is one and the CPU otherwise. The choice is made
    /// when a sweep begins and kept when it continues.
    #[serde(default = "auto")]
    #[schemars(regex(pattern = r"^(auto|cpu|cuda:\d+)$"))]
    pub(crate) device: String,
    /// The comparison that decides the question, named before the run; the report gives it first.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<Endpoint>,
    /// How long it takes to annotate a slice, for the report's minutes. Default: the defaults of its
    /// fields.
    #[serde(default)]
    pub(crate) effort: Effort,
    /// The volumes: which dataset, how it is prepared, and which cases are in Part A and Part B.
    /// Required.
    pub(crate) data: DataConfig,
    /// The networks to train, each under a name of your choice (same characters as `name`), at
    /// least one. The tables of strategies show the first. Required.
    pub(crate) models: IndexMap<String, ModelConfig>,
    /// Loss, optimiser, crops and arithmetic of the training. Default: the defaults of its fields.
    #[serde(default)]
    pub(crate) training: TrainingConfig,
    /// The members that the strategies `bald`, `committee` and `power-bald`, and programs that need a
    /// committee, ask. Default: none, because its predictions cost time; `committee: {}` has the
    /// defaults of its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) committee: Option<CommitteeConfig>,
    /// What happens when runs fail. Default: the defaults of its fields.
    #[serde(default, skip_serializing_if = "FailureConfig::is_default")]
    pub(crate) sweep: FailureConfig,
    /// What to run in each task, by the task's name, at least one. `brain-extraction` and
    /// `tissue-segmentation` are the paper's; any other name (lower-case letters, digits and `-`)
    /// is a task of your own, whose plan has a `definition`. Required.
    #[serde(deserialize_with = "tasks::read")]
    #[schemars(schema_with = "crate::schema::tasks")]
    pub(crate) tasks: BTreeMap<Task, TaskPlan>,
}

fn one() -> usize {
    1
}

fn auto() -> String {
    "auto".to_owned()
}

impl ExperimentConfig {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is longer than 64 KiB, or is no valid experiment: bad input.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let mut bytes = Vec::new();
        let longest = LONGEST as u64 + 1;
        fs::File::open(path)
            .and_then(|file| file.take(longest).read_to_end(&mut bytes))
            .with_context(|| path.display().to_string())
            .map_err(Failure::input)?;
        if bytes.len() > LONGEST {
            return Err(Failure::input(anyhow!(
                "{}: expected an experiment of at most {LONGEST} bytes, got more",
                path.display()
            )));
        }
        let text = slicewise_data::text::decode(bytes)
            .map_err(|got| anyhow!("expected UTF-8 text, got {got}; save it as UTF-8"))
            .with_context(|| path.display().to_string())
            .map_err(Failure::input)?;
        Self::parse(&text, path).map_err(Failure::Input)
    }

    /// Parses and checks the YAML `text`; error messages name `path`.
    pub(crate) fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        let config: Self =
            serde_yaml::from_str(text).map_err(|error| anyhow!(message(&error, path)))?;
        config.check().with_context(|| path.display().to_string())?;
        Ok(config)
    }

    /// Returns what the labels of `task`, one of the experiment's, are.
    pub(crate) fn definition(&self, task: Task) -> anyhow::Result<TaskDefinition> {
        let plan = self
            .tasks
            .get(&task)
            .with_context(|| format!("no task {task}"))?;
        plan.definition(task)
            .map_err(|problem| anyhow!("tasks.{task}: {problem}"))
    }

    /// Returns the text of `config.yaml`.
    pub(crate) fn to_yaml(&self) -> anyhow::Result<String> {
        Ok(serde_yaml::to_string(self)?)
    }

    /// Default number of runs side by side: the machine's cores divided by `threads`, at least 1.
    /// Runs on a GPU share it, so there are at most [`JOBS_OF_A_GPU`] of them.
    pub(crate) fn default_jobs(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let most = if self.device == "cpu" {
            cores
        } else {
            JOBS_OF_A_GPU
        };
        (cores / self.threads).clamp(1, most)
    }

    /// Returns the precision of the named model: its own setting, else that of `training`.
    pub(crate) fn precision(&self, model: &str) -> Precision {
        let own = self.models.get(model).and_then(|model| model.precision);
        own.unwrap_or(self.training.precision)
    }

    /// Returns the results folder: `out`, or `results/NAME`.
    pub(crate) fn folder(&self, out: Option<&Path>) -> PathBuf {
        out.map_or_else(|| PathBuf::from("results").join(&self.name), Path::to_owned)
    }

    /// Whether `run` keeps volumes for the figures. Only runs of the first seed do, in the first fold.
    pub(crate) fn pictured(&self, run: &Run) -> bool {
        self.seeds.first() == Some(&run.seed) && run.fold.is_none_or(|fold| fold == 1)
    }

    /// Returns the training steps of all rounds of a run.
    pub(crate) fn steps(&self, run: &Run) -> usize {
        let rounds = self.tasks[&run.task].rounds(&run.strategy);
        rounds.iter().map(|round| round.total()).sum()
    }

    /// Returns the training steps of the committee's members before all queries of a run.
    pub(crate) fn member_steps(&self, run: &Run) -> anyhow::Result<usize> {
        let plan = &self.tasks[&run.task];
        let seeds = self.committee.map_or(0, |committee| committee.seeds);
        let Some(asked) = plan.strategies.get(&run.strategy).filter(|_| seeds > 0) else {
            return Ok(0);
        };
        if !asked.asked(&run.strategy)?.strategy().needs_committee() {
            return Ok(0);
        }
        Ok(seeds * plan.steps_at_queries(&run.strategy).iter().sum::<usize>())
    }

    /// Lists all runs of the sweep.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let models: Vec<String> = self.models.keys().cloned().collect();
        plan::runs(&self.tasks, &models, &self.seeds, self.data.folds)
    }

    /// Says what the endpoint can hardly tell, if anything.
    pub(crate) fn endpoint_warning(&self) -> Option<String> {
        let runs = self.seeds.len() * self.data.folds.unwrap_or(1);
        self.endpoint.as_ref()?.warning(&self.tasks, runs)
    }
}

/// Returns the YAML name of `device`: `cpu` or `cuda:N`.
pub(crate) fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Formats a YAML error as `file:line:column: problem; the nearest valid name`.
pub(crate) fn message(error: &serde_yaml::Error, path: &Path) -> String {
    let text = error.to_string();
    let (place, text) = match error.location() {
        Some(at) => {
            let tail = format!(" at line {} column {}", at.line(), at.column());
            (
                format!("{}:{}:{}", path.display(), at.line(), at.column()),
                text.replace(&tail, ""),
            )
        }
        None => (path.display().to_string(), text),
    };
    // serde words its message so: unknown field `x`, expected one of `a`, `b`
    let words: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let hint = match words.split_first() {
        Some((wrong, valid)) if text.contains("unknown ") && !text.contains("did you mean") => {
            nearest(wrong, valid.iter().copied())
                .map(|word| format!("; did you mean `{word}`?"))
                .unwrap_or_default()
        }
        _ => String::new(),
    };
    one_line(&format!("{place}: {text}{hint}"))
}

/// Returns the paths of all committed experiments.
#[cfg(test)]
pub(crate) fn committed_experiments() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let entries = fs::read_dir(folder).expect("the folder experiments");
    let paths = entries.map(|entry| entry.expect("an entry of experiments").path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect()
}

mod checks;
mod tasks;

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::{ExperimentConfig, committed_experiments};
    use std::fs;
    use std::path::Path;

    #[test]
    fn a_model_may_have_a_precision_and_memory_format_of_its_own() {
        let path = Path::new("a.yaml");
        let text = include_str!("../../../experiments/smoke.yaml");
        let with = |more: &str| {
            let text = text
                .replace("levels: 2}", &format!("levels: 2{more}}}"))
                .replace("  crop:", "  precision: bfloat16\n  crop:");
            ExperimentConfig::parse(&text, path)
        };
        let without = with("").unwrap().to_yaml().unwrap();
        assert_eq!(without.matches("precision").count(), 1, "{without}");
        let config = with(", precision: float32, memory_format: contiguous").unwrap();
        let resolved = config.to_yaml().unwrap();
        assert!(
            resolved.contains("    precision: float32\n    memory_format: contiguous\n"),
            "{resolved}"
        );
        assert!(resolved.contains("  precision: bfloat16\n  memory_format: channels-last\n"));
        assert_eq!(ExperimentConfig::parse(&resolved, path).unwrap(), config);
        // Between place and hint are serde's words, which name the wrong one.
        for (more, place, wrong, hint) in [
            (
                ", precison: float32",
                "a.yaml:16:76: models.attention-unet: ",
                "`precison`",
                "; did you mean `precision`?",
            ),
            (
                ", precision: bfloat61",
                "a.yaml:16:87: models.attention-unet.precision: ",
                "`bfloat61`",
                "; did you mean `bfloat16`?",
            ),
        ] {
            let message = with(more).unwrap_err().to_string();
            let framed = message.starts_with(place) && message.ends_with(hint);
            assert!(framed && message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn former_names_of_keys_mean_the_same() {
        let path = Path::new("a.yaml");
        let today = include_str!("../../../experiments/smoke.yaml")
            .replace("levels: 2}", "levels: 2, memory_format: contiguous}")
            .replace("  crop:", "  memory_format: contiguous\n  crop:");
        let before = today
            .replace("dataset: ", "layout: ")
            .replace("memory_format: ", "layout: ");
        assert!(before.matches("layout: ").count() >= 3, "{before}");
        let [before, config] = [&before, &today].map(|text| ExperimentConfig::parse(text, path));
        assert_eq!(before.unwrap(), config.unwrap());
        // Both names at once are one key twice.
        let twice = today.replace(
            "  dataset: phantom",
            "  dataset: phantom\n  layout: phantom",
        );
        let message = ExperimentConfig::parse(&twice, path)
            .unwrap_err()
            .to_string();
        assert!(message.contains("duplicate field `dataset`"), "{message}");
    }

    #[test]
    fn runs_share_a_gpu_by_few() {
        let text = include_str!("../../../experiments/smoke.yaml");
        let mut config = ExperimentConfig::parse(text, Path::new("a.yaml")).unwrap();
        config.device = "cuda:0".to_owned();
        assert!((1..=4).contains(&config.default_jobs()));
        config.threads = 1 << 20;
        assert_eq!(config.default_jobs(), 1);
    }

    #[test]
    fn every_committed_experiment_is_valid_and_headed() {
        let paths = committed_experiments();
        for path in &paths {
            let text = fs::read_to_string(path).unwrap();
            for word in [
                "# Question:",
                "# Source:",
                "# Command:",
                "# Expected:",
                "# Result:",
            ] {
                assert!(text.contains(word), "{}: no {word}", path.display());
            }
            let config = ExperimentConfig::parse(&text, path).unwrap();
            assert_eq!(
                Some(config.name.as_str()),
                path.file_stem().and_then(|stem| stem.to_str())
            );
            let again = ExperimentConfig::parse(&config.to_yaml().unwrap(), path).unwrap();
            assert_eq!(again, config, "the resolved config reads back as itself");
        }
        assert!(paths.len() >= 4);
    }
}
