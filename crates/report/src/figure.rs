//! The figures of a report: what each shows, and in which words. How they are drawn is the business
//! of the crate `figure`.

pub(crate) mod attention;
pub(crate) mod dice;
pub(crate) mod ranks;
pub(crate) mod slices;

use crate::prelude::*;
use crate::standing::{few, often_run};
use crate::sweep::Sweep;
use slicewise_figure::{Curve, Entry, FEW, Heading, Look, Mark, OTHERS, SHARED, aside};
use slicewise_metrics::LEAST_RUNS;

/// A figure's file name and title, and where its numbers come from; the last line begins with `over`.
pub(crate) fn heading(sweep: &Sweep, (name, title): (&str, &str), over: &str) -> Heading {
    let manifest = &sweep.results.manifest;
    let (cases, seeds) = (sweep.cases_by_task(), list(sweep.seeds()));
    let (version, commit) = (&manifest.version, &manifest.commit);
    let footer = [
        format!("{} · {cases} · seeds {seeds}", manifest.name),
        format!("{over} · slicewise {version}, commit {commit}"),
    ];
    Heading { name: name.to_owned(), title: title.to_owned(), footer }
}

/// What intervals of a figure are, for its footer: there are none below three seeds.
pub(crate) fn intervals(sweep: &Sweep, words: &str) -> String {
    let seeds = sweep.seeds().len();
    if seeds < LEAST_RUNS { format!("{seeds} seed(s), so no intervals") } else { words.to_owned() }
}

/// The strategies of a figure of curves.
struct Cast {
    /// Those that have a colour, and how they look.
    arms: Vec<Arm>,
    looks: Vec<Look>,
    /// Those for which there is no room: thin and grey, without a name.
    others: Vec<Arm>,
    /// Without a curve: not [`often_run`], or an oracle where a grey line would not say that it is one.
    absent: Vec<Arm>,
}

impl Cast {
    /// Of `arms`, in the order of tables.
    fn of(sweep: &Sweep, arms: Vec<Arm>) -> Self {
        let often = often_run(sweep.primary().filter(|round| arms.contains(&round.arm)));
        let drawn = |a: &Arm| often.contains(a) && (often.len() <= FEW || !a.is_oracle());
        let (mut others, absent) = arms.iter().cloned().partition::<Vec<_>, _>(drawn);
        let arms = few(sweep, &others);
        others.retain(|arm| !arms.contains(arm));
        let looks = slicewise_figure::looks(arms.iter().map(Arm::place_in_paper));
        Self { arms, looks, others, absent }
    }

    /// A curve of each that has a colour; where `apart`, marks at one place stand beside each other.
    fn curves(&self, apart: bool, marks: impl Fn(&Arm) -> Vec<Mark>) -> Vec<Curve> {
        let n = self.arms.len();
        let curves = self.arms.iter().zip(&self.looks).enumerate().map(|(index, (arm, look))| {
            let aside = if apart { aside(index, n) } else { 0.0 };
            Curve { aside, ..Curve::new(*look, marks(arm)) }
        });
        curves.collect()
    }

    /// Percents and values of the others.
    fn lines(&self, marks: impl Fn(&Arm) -> Vec<Mark>) -> Vec<Vec<(f64, f64)>> {
        let line = |arm| marks(arm).into_iter().map(|mark| (mark.x, mark.value.mean)).collect();
        self.others.iter().map(line).collect()
    }

    /// The legend's entries: strategies, each as `entry` has it, those without a colour, if there are
    /// some, the first round and full annotation, as far as the figure `has` them.
    fn legend(
        &self,
        entry: impl Fn(&str, Look) -> Entry,
        has: impl Fn(&Arm) -> bool,
    ) -> Vec<Entry> {
        let strategies = self.arms.iter().zip(&self.looks);
        let mut entries: Vec<Entry> =
            strategies.map(|(arm, look)| entry(arm.label(), *look)).collect();
        let n = self.others.len();
        entries.extend((n > 0).then(|| Entry::line(format!("{n} other strategies"), OTHERS)));
        let first = Entry::marker(Arm::First.label(), SHARED.marker, SHARED.color);
        entries.extend(has(&Arm::First).then_some(first));
        entries.extend(has(&Arm::Full).then(|| Entry::line(Arm::Full.label(), SHARED)));
        entries
    }

    /// What a caption says of them.
    fn caption(&self) -> String {
        let (shown, n) = (self.arms.len(), self.others.len());
        let mut words = list(self.absent.iter().map(Arm::label));
        if !words.is_empty() {
            words = format!(" In tables alone (fewer seeds, or oracles without room): {words}.");
        }
        if n > 0 {
            words += &format!(
                " There is room for {shown} strategies: the one that others are compared with, the paper's, and the \
                 best by mean rank. {n} others are thin grey lines; the tables name all."
            );
        }
        words
    }
}

/// The mark of the first round, which belongs to no strategy alone.
fn first_round(marks: &[Mark]) -> Curve {
    Curve::new(SHARED, marks.iter().map(|mark| Mark { shared: false, ..*mark }).collect())
}
