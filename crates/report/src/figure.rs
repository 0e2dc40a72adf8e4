//! The figures of a report: what each shows, and in which words. How they are drawn is the business
//! of the crate `figure`.

pub(crate) mod attention;
pub(crate) mod chosen;
pub(crate) mod dice;
pub(crate) mod ranks;
pub(crate) mod segmentations;
pub(crate) mod slices;

use crate::arm::Arm;
use crate::standing::few;
use crate::sweep::Sweep;
use slicewise_figure::{Entry, Heading, Look, OTHERS, SHARED};
use slicewise_metrics::LEAST_RUNS;

/// A figure's file name and title, and where its numbers come from; the last line begins with `over`.
pub(crate) fn heading(sweep: &Sweep, (name, title): (&str, &str), over: &str) -> Heading {
    let manifest = &sweep.results.manifest;
    let (cases, seeds) = (sweep.cases_by_task(), sweep.seeds());
    let (version, commit) = (&manifest.version, &manifest.commit);
    let footer = [
        format!("{} · {cases} · seeds {seeds}", manifest.name),
        format!("{over} · slicewise {version}, commit {commit}"),
    ];
    Heading { name: name.to_owned(), title: title.to_owned(), footer }
}

/// What intervals of a figure are, for its footer: there are none below three seeds.
pub(crate) fn intervals(sweep: &Sweep, words: &str) -> String {
    let seeds = sweep.results.manifest.seeds.len();
    if seeds < LEAST_RUNS { format!("{seeds} seed(s), so no intervals") } else { words.to_owned() }
}

/// The strategies of a figure of curves.
struct Cast {
    /// Those that have a colour, and how they look.
    arms: Vec<Arm>,
    looks: Vec<Look>,
    /// Those for which there is no room: thin and grey, without a name.
    others: Vec<Arm>,
}

impl Cast {
    /// Of `arms`, in the order of tables.
    fn of(sweep: &Sweep, mut others: Vec<Arm>) -> Self {
        let arms = few(sweep, &others);
        others.retain(|arm| !arms.contains(arm));
        let looks = slicewise_figure::looks(arms.iter().map(Arm::place_in_paper));
        Self { arms, looks, others }
    }

    /// The legend's entry for those without a colour, if there are some.
    fn rest(&self) -> Option<Entry> {
        let n = self.others.len();
        (n > 0).then(|| Entry::line(format!("{n} other strategies"), OTHERS))
    }

    /// What a caption says of them.
    fn caption(&self) -> String {
        match self.others.len() {
            0 => String::new(),
            n => format!(
                " There is room for {} strategies: the one that others are compared with, the paper's, and the \
                 best by mean rank. {n} others are thin grey lines; the tables name all.",
                self.arms.len()
            ),
        }
    }
}

/// Entries of a legend for the first round and full annotation, as far as the sweep has them.
fn shared_entries(has: impl Fn(&Arm) -> bool) -> Vec<Entry> {
    let first = Entry::marker(Arm::First.label(), SHARED.marker, SHARED.color);
    let full = Entry::line(Arm::Full.label(), SHARED);
    let entries = [(Arm::First, first), (Arm::Full, full)].into_iter();
    entries.filter(|(arm, _)| has(arm)).map(|(_, entry)| entry).collect()
}
