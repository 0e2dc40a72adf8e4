//! What an experiment must be beyond the types of its fields.

use super::{ExperimentConfig, MOST_FOLDS};
use anyhow::{Context, bail};
use slicewise_core::LONGEST_NAME;
use slicewise_experiment::Run;
use slicewise_strategies::QueryStrategy;
use std::collections::BTreeSet;

impl ExperimentConfig {
    /// Checks what a single field's type cannot: ranges, and settings that depend on each other.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        // Both names become folders, so they must not lead out of the results folder.
        for (field, name) in std::iter::once(("name", &self.name))
            .chain(self.models.keys().map(|name| ("models", name)))
        {
            if name.is_empty()
                || name.len() > LONGEST_NAME
                || name.starts_with('.')
                || !name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            {
                bail!(
                    "{field}: expected at most {LONGEST_NAME} letters, digits, - _ . (it names a folder), \
                     got {name:?}"
                );
            }
        }
        let mut seeds = self.seeds.clone();
        seeds.sort_unstable();
        if seeds.is_empty() || seeds.windows(2).any(|pair| pair[0] == pair[1]) {
            bail!(
                "seeds: expected at least one, each once, got {:?}",
                self.seeds
            );
        }
        if self.threads == 0 {
            bail!("threads: expected 1 or more, got 0");
        }
        if let Some(folds) = self.data.folds
            && !(2..=MOST_FOLDS).contains(&folds)
        {
            bail!("data.folds: expected 2 to {MOST_FOLDS}, got {folds}");
        }
        if self.models.is_empty() {
            bail!("models: expected at least one, got none");
        }
        if self.tasks.is_empty() {
            bail!("tasks: expected at least one, got none");
        }
        self.training.validate().context("training")?;
        if let Some(committee) = &self.committee {
            committee.validate(self.training.averaging)?;
        }
        for (name, model) in &self.models {
            self.training
                .validate_before_data(model, self.data.is_cubic())
                .with_context(|| format!("models.{name}"))?;
        }
        for (&task, plan) in &self.tasks {
            if let Some(problem) = plan.problem(task) {
                bail!(problem);
            }
            for (strategy, asked) in &plan.strategies.0 {
                let asked = asked.asked(&strategy.0)?;
                let at = format!("tasks.{}.strategies.{}", task.name(), strategy.0);
                self.check_needs(asked.strategy()).context(at)?;
            }
        }
        let endpoint = self.endpoint.as_ref();
        let problem = endpoint.and_then(|endpoint| endpoint.problem(&self.tasks));
        if let Some(problem) = problem.or_else(|| self.effort.problem()) {
            bail!(problem);
        }
        Ok(())
    }

    /// Checks that the experiment has what a strategy needs.
    fn check_needs(&self, strategy: &dyn QueryStrategy) -> anyhow::Result<()> {
        for (name, model) in &self.models {
            if strategy.needs_attention() && !model.architecture.has_attention()? {
                bail!(
                    "needs a model with an attention map, but models.{name} ({}) has none",
                    model.architecture
                );
            }
        }
        let shown = strategy.needs_features() || strategy.needs_committee();
        let mut programs = self.models.iter();
        let program = programs.find(|(_, model)| model.architecture.program().is_some());
        if let (true, Some((name, _))) = (shown, program) {
            bail!(
                "needs features or a committee, which models.{name}, a program of your own, does not give"
            );
        }
        if strategy.needs_committee() && self.committee.is_none() {
            bail!("needs a committee, but the experiment has none; add `committee: {{}}` to it");
        }
        Ok(())
    }

    /// Whether a strategy or a model is a program of the user's own.
    pub(crate) fn has_programs(&self) -> bool {
        let mut strategies = self
            .tasks
            .values()
            .flat_map(|plan| plan.strategies.0.values());
        let mut models = self.models.values();
        strategies.any(|strategy| strategy.command.is_some())
            || models.any(|model| model.architecture.program().is_some())
    }

    /// Returns what the programs of the user's own that `runs` need lack: the setting, and what was
    /// expected and got.
    pub(crate) fn missing_programs<'r>(
        &self,
        runs: impl IntoIterator<Item = &'r Run>,
    ) -> BTreeSet<(String, String)> {
        let mut missing = BTreeSet::new();
        for run in runs {
            let asked = self.tasks.get(&run.task);
            let asked = asked.and_then(|plan| plan.strategies.get(&run.strategy));
            let strategy = asked.and_then(|asked| asked.command.as_ref());
            let model = self.models.get(&run.model);
            let model = model.and_then(|model| model.architecture.program());
            let at = [
                (
                    format!("tasks.{}.strategies.{}", run.task.name(), run.strategy),
                    strategy,
                ),
                (
                    format!("models.{}.architecture", run.model),
                    model.map(|program| &program.command),
                ),
            ];
            for (setting, command) in at {
                let lacks = command.and_then(|command| slicewise_core::process::missing(command));
                missing.extend(lacks.map(|lacks| {
                    let problem = format!("expected a program that can be started, got {lacks}");
                    (format!("{setting}.command"), problem)
                }));
            }
        }
        missing
    }
}
