//! The figures of a report: what each shows, and in which words. How they are drawn is the business
//! of the crate `figure`.

pub(crate) mod attention;
pub(crate) mod dice;
pub(crate) mod ranks;
pub(crate) mod segmentations;
pub(crate) mod slices;

use crate::arm::Arm;
use crate::sweep::Sweep;
use slicewise_figure::{Entry, Heading, Look, SHARED};
use slicewise_metrics::LEAST_RUNS;

/// A figure's file name and title, and where its numbers come from; the last line begins with `over`.
pub(crate) fn heading(sweep: &Sweep, (name, title): (&'static str, &str), over: &str) -> Heading {
    let manifest = &sweep.results.manifest;
    let (cases, seeds) = (sweep.cases_by_task(), sweep.seeds());
    let (version, commit) = (&manifest.version, &manifest.commit);
    let footer = [
        format!("{} · {cases} · seeds {seeds}", manifest.name),
        format!("{over} · slicewise {version}, commit {commit}"),
    ];
    Heading { name, title: title.to_owned(), footer }
}

/// What intervals of a figure are, for its footer: there are none below three seeds.
pub(crate) fn intervals(sweep: &Sweep, words: &str) -> String {
    let seeds = sweep.results.manifest.seeds.len();
    if seeds < LEAST_RUNS { format!("{seeds} seed(s), so no intervals") } else { words.to_owned() }
}

/// The look of each of `arms`.
fn looks(arms: &[Arm]) -> Vec<Look> {
    slicewise_figure::looks(arms.iter().map(Arm::place_in_paper))
}

/// Entries of a legend for the first round and full annotation, as far as the sweep has them.
fn shared_entries(has: impl Fn(&Arm) -> bool) -> Vec<Entry> {
    let first = Entry::marker(Arm::First.label(), SHARED.marker, SHARED.color);
    let full = Entry::line(Arm::Full.label(), SHARED);
    let entries = [(Arm::First, first), (Arm::Full, full)].into_iter();
    entries.filter(|(arm, _)| has(arm)).map(|(_, entry)| entry).collect()
}
