//! The paper's Table 1: what each model of the sweep reaches with every slice annotated.

use crate::comparison::{ModelComparison, model_comparisons};
use crate::curve::{Point, point};
use crate::paired::BOOTSTRAP;
use crate::paper;
use slicewise_data::{Part, Task};
use slicewise_experiment::record::FULL;
use slicewise_experiment::{Results, RoundRecord};

/// One model in one task.
#[derive(Debug, Clone)]
pub(crate) struct FullAnnotation {
    pub(crate) task: Task,
    pub(crate) model: String,
    /// Part A and Part B, where they have a score.
    pub(crate) parts: [Option<Point>; 2],
    /// Trainable numbers, if the manifest tells.
    pub(crate) parameters: Option<u64>,
    /// Training steps; the largest, should seeds differ.
    pub(crate) steps: u64,
    /// The paper's model that this one resembles.
    pub(crate) paper: paper::Model,
    /// Part B against the primary model; none for that model itself.
    pub(crate) against: Option<ModelComparison>,
}

/// By task, models in the manifest's order; those without a record are left out.
pub(crate) fn full_annotations(results: &Results) -> Vec<FullAnnotation> {
    let manifest = &results.manifest;
    let comparisons = model_comparisons(results);
    let mut rows = Vec::new();
    for task in manifest.data.iter().map(|data| data.task) {
        for model in &manifest.models {
            let of_model = |r: &&RoundRecord| r.task == task && r.model == *model;
            let full = results.records.iter().filter(|r| r.strategy == FULL);
            let records: Vec<&RoundRecord> = full.filter(of_model).collect();
            let Some(steps) = records.iter().map(|record| record.steps).max() else {
                continue;
            };
            // P is recorded exactly where the model has attention.
            let mut cases = records.iter().flat_map(|record| &record.cases);
            let attention = cases.any(|case| case.p.is_some());
            rows.push(FullAnnotation {
                task,
                model: model.clone(),
                parts: [Part::A, Part::B].map(|part| point(&records, part)),
                parameters: manifest
                    .parameters
                    .get(model)
                    .and_then(|tasks| tasks.get(&task))
                    .copied(),
                steps,
                paper: paper::Model::like(model, attention),
                against: comparisons
                    .iter()
                    .find(|row| row.task == task && row.model == *model)
                    .cloned(),
            });
        }
    }
    rows
}

/// How the numbers were computed, in a sentence; `primary` is what the others are compared with.
pub(crate) fn how(primary: &str) -> String {
    let [attention, v_net, u_net] = [
        paper::Model::AttentionUNet,
        paper::Model::VNet,
        paper::Model::UNet,
    ]
    .map(paper::Model::name);
    format!(
        "Mean Dice over cases, then over seeds, ± half the 95 % Student-t interval over seeds. Part \
         A: the training volumes; Part B: unseen ones. \"Minus {primary}\" is the Part B difference \
         on the same case and seed. {BOOTSTRAP} p is Wilcoxon's two-sided signed-rank test over \
         the n pairs of case and seed, corrected by Holm over the models of the task. The paper's \
         value, on other data, is that of its {attention} for a model with an attention map, of \
         its {v_net} for a model named so, else of its {u_net}."
    )
}
