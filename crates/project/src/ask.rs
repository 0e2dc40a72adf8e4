//! Chooses the slices that are to be drawn next.
//!
//! Slices are spread over the scans: each further one goes to the scan of which the smallest share is
//! drawn or asked for. Few slices of more scans teach more than many of few. Within a scan the query
//! strategy chooses, with the newest model's prediction before it. Before there is a model, and in a scan
//! of which nothing is drawn yet, slices are evenly spaced, from another phase in each scan, so that
//! together they cover every height ([`slicewise_experiment::Start::Staggered`]).

use crate::cases::ProjectCase;
use crate::error::ProjectError;
use crate::history::AskedSlice;
use crate::settings::Settings;
use crate::state::State;
use ndarray::{Array3, Array4};
use slicewise_core::{IGNORE, Prediction, Segmenter, Wanted};
use slicewise_experiment::{seed, staggered_phase};
use slicewise_strategies::{AnnotatedLabels, CaseView, Pool, QueryStrategy, Quota, STRATEGIES};
use std::collections::BTreeSet;

/// The strategy that needs no model.
pub const WITHOUT_MODEL: &str = "equal-interval";

/// What is asked of a strategy.
pub struct Query<'a> {
    /// The strategy.
    pub strategy: &'a dyn QueryStrategy,
    /// Number of slices.
    pub slices: usize,
    /// The newest model, with its weights; `None` before the first.
    pub segmenter: Option<&'a mut dyn Segmenter>,
}

/// Chooses slices of the scans that were neither drawn nor asked for, in the order of cases and slices:
/// as many as the query wants, or as are left.
///
/// # Errors
/// The strategy reads ground truth, needs what the model does not give, or failed.
pub fn choose(
    state: &State,
    settings: &Settings,
    cases: &[ProjectCase],
    mut query: Query,
) -> Result<Vec<AskedSlice>, ProjectError> {
    if query.strategy.is_oracle() {
        return Err(ProjectError::Input(format!(
            "expected a strategy that needs no ground truth, got {}; see `slicewise list strategies`",
            query.strategy.name()
        )));
    }
    let taken: Vec<BTreeSet<usize>> = cases
        .iter()
        .map(|case| {
            let slices = 0..case.scan.own_shape[0];
            let taken = |slice: &usize| {
                state.is_drawn(&case.id, *slice, None) || state.is_waiting(&case.id, *slice)
            };
            slices.filter(taken).collect()
        })
        .collect();
    let shares = spread(cases, &taken, query.slices);
    let mut asked = Vec::new();
    for (place, (case, share)) in cases.iter().zip(shares).enumerate() {
        if share == 0 {
            continue;
        }
        let mut chosen = if taken[place].is_empty() {
            evenly(case, share, staggered_phase(place, cases.len()))
        } else {
            let closed = &taken[place];
            of_strategy(state, settings, (place, case), closed, share, &mut query)?
        };
        chosen.sort_unstable_by_key(|(slice, _)| *slice);
        for (slice, reason) in chosen {
            let nearest = taken[place].iter().map(|other| other.abs_diff(slice)).min();
            let away = nearest.map_or_else(
                || "nothing of this scan is drawn yet".to_owned(),
                |slices| {
                    let mm = slices as f64 * case.scan.own.spacing_mm()[0];
                    format!("{mm:.0} mm from the nearest drawn slice")
                },
            );
            asked.push(AskedSlice {
                case: case.id.clone(),
                slice,
                why: format!("{reason}, {away}"),
            });
        }
    }
    Ok(asked)
}

/// Returns how many slices each scan is asked for.
fn spread(cases: &[ProjectCase], taken: &[BTreeSet<usize>], slices: usize) -> Vec<usize> {
    let open: Vec<usize> = cases
        .iter()
        .zip(taken)
        .map(|(case, taken)| {
            own_slices(case)
                .filter(|slice| !taken.contains(slice))
                .count()
        })
        .collect();
    let mut shares = vec![0; cases.len()];
    for _ in 0..slices {
        let share = |place: &usize| {
            let begun = taken[*place].len() + shares[*place];
            begun as f64 / own_slices(&cases[*place]).count() as f64
        };
        let places = (0..cases.len()).filter(|&place| shares[place] < open[place]);
        let least = places.min_by(|a, b| share(a).total_cmp(&share(b)));
        let Some(least) = least else {
            break;
        };
        shares[least] += 1;
    }
    shares
}

/// The scan's own slices that the network sees, in order.
fn own_slices(case: &ProjectCase) -> impl Iterator<Item = usize> + '_ {
    let own: BTreeSet<usize> = (0..case.scan.depth())
        .map(|slice| case.scan.own_slice(slice))
        .collect();
    own.into_iter()
}

/// Chooses `count` evenly spaced slices from a phase on, a share of their distance.
fn evenly(case: &ProjectCase, count: usize, phase: f64) -> Vec<(usize, String)> {
    let own: Vec<usize> = own_slices(case).collect();
    let step = own.len() as f64 / count as f64;
    let place = |number: usize| ((number as f64 + phase) * step) as usize;
    (0..count)
        .map(|number| (own[place(number)], "evenly spaced".to_owned()))
        .collect()
}

/// Lets the strategy choose `count` slices of a case that are not in `taken`.
fn of_strategy(
    state: &State,
    settings: &Settings,
    (place, case): (usize, &ProjectCase),
    taken: &BTreeSet<usize>,
    count: usize,
    query: &mut Query,
) -> Result<Vec<(usize, String)>, ProjectError> {
    let round = state.next_round();
    let words = round.to_string();
    let named = |what| [settings.task.name(), what, &words, &case.id];
    let (strategy, prediction) = match &mut query.segmenter {
        Some(segmenter) => {
            let strategy = query.strategy;
            let wanted = Wanted {
                features: strategy.needs_features(),
                committee: strategy
                    .needs_committee()
                    .then(|| seed::child(settings.seed, &named("committee"))),
            };
            let prediction = segmenter.predict_with(&case.scan.image.voxels, wanted);
            let prediction = prediction.map_err(|source| ProjectError::Segmenter {
                doing: format!("segmenting case {}", case.id),
                source,
            })?;
            (strategy, prediction)
        }
        None => (without_model()?, blank(case, settings.classes.len())),
    };
    let mut generator = seed::generator(settings.seed, &named("query"));
    // To a strategy, what nobody was sure of is background.
    let labels = case
        .labels
        .voxels
        .mapv(|label| if label == IGNORE { 0 } else { label });
    let mut closed: Vec<bool> = (0..case.scan.depth())
        .map(|slice| taken.contains(&case.scan.own_slice(slice)))
        .collect();
    let mut chosen: Vec<(usize, String)> = Vec::new();
    // Two slices of the network's grid may lie in one of the scan's, which is asked for once.
    while chosen.len() < count && closed.contains(&false) {
        let budget = count - chosen.len();
        let view = CaseView {
            case: &case.id,
            place,
            round: [round as usize, round as usize],
            budget: Some(budget),
            spacing_mm: case.scan.image.geometry.spacing_mm(),
            agreement: settings.agreement,
            image: &case.scan.image.voxels,
            labels: AnnotatedLabels::new(&labels, &case.annotated),
            prediction: &prediction,
            annotated: &closed,
            truth: None,
        };
        let described = strategy.describe(&view, &mut generator)?;
        let pool = Pool::new(vec![&described], &Quota::of(budget));
        let choices = strategy.choose(&pool, &mut generator)?;
        for choice in choices {
            let own = case.scan.own_slice(choice.slice);
            if chosen.iter().all(|(known, _)| *known != own) {
                let reason = match strategy.name() {
                    WITHOUT_MODEL => "in the middle of a gap".to_owned(),
                    name => format!("{name} {:.3}", choice.score),
                };
                chosen.push((own, reason));
            }
        }
        for (slice, closed) in closed.iter_mut().enumerate() {
            let own = case.scan.own_slice(slice);
            *closed |= chosen.iter().any(|(known, _)| *known == own);
        }
    }
    Ok(chosen)
}

fn without_model() -> Result<&'static dyn QueryStrategy, ProjectError> {
    let mut strategies = STRATEGIES.iter().copied();
    let found = strategies.find(|strategy| strategy.name() == WITHOUT_MODEL);
    found.ok_or_else(|| {
        ProjectError::Input(format!("expected a strategy {WITHOUT_MODEL}, got none"))
    })
}

/// What a model that knows nothing says: background.
fn blank(case: &ProjectCase, classes: usize) -> Prediction {
    let (d, h, w) = case.scan.image.voxels.dim();
    Prediction {
        probabilities: Array4::from_elem((classes, d, h, w), 1.0 / classes as f32),
        sr1: Array3::zeros((d, h, w)),
        ..Prediction::default()
    }
}

#[cfg(test)]
mod tests;
