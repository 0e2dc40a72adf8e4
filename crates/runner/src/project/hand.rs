//! `slicewise ask`, `import` and `retract`: slices go out to people, and come back.

use super::arguments::{AskArguments, CaseSlice, ImportArguments, RetractArguments};
use super::work::{Work, failure};
use crate::failure::{Failure, Outcome};
use crate::notice::notice;
use anyhow::anyhow;
use slicewise_core::Segmenter;
use slicewise_project::{
    AskedSlice, Event, Imported, Order, Query, Submission, Told, choose, hand_out,
    import as take_in, returned_files, take_finished,
};
use slicewise_strategies::find;
use std::collections::{BTreeMap, BTreeSet};

/// Chooses slices and hands them out.
pub(crate) fn ask(arguments: &AskArguments) -> Outcome {
    let mut work = Work::open(arguments.who.name.as_deref())?;
    let name = arguments
        .strategy
        .as_ref()
        .unwrap_or(&work.file.ask.strategy);
    let strategy = find(name).map_err(Failure::input)?;
    let slices = match arguments.at.is_empty() {
        true => chosen(
            &work,
            strategy,
            arguments.slices.unwrap_or(work.file.ask.slices),
        )?,
        false => named(&work, &arguments.at)?,
    };
    if slices.is_empty() {
        println!("every slice is drawn or waits to be; nothing to ask for");
        return Ok(());
    }
    let measured = work.project.state().seconds_per_slice();
    let minutes = measured.map_or(work.file.ask.minutes_per_slice, |seconds| seconds / 60.0);
    let round = work.project.state().next_round();
    let people: Vec<Option<&str>> = match arguments.to.is_empty() {
        true => vec![None],
        false => arguments
            .to
            .iter()
            .map(|name| Some(name.as_str()))
            .collect(),
    };
    if let Some(name) = arguments.to.iter().find(|name| !is_plain(name)) {
        return Err(Failure::input(anyhow!(
            "--to: expected names of letters, digits, - and _ (they name folders), got {name:?}"
        )));
    }
    for (to, slices) in shared(slices, people, arguments.overlap) {
        let order = Order {
            to,
            round,
            strategy: if arguments.at.is_empty() {
                strategy.name()
            } else {
                "named"
            },
            minutes_per_slice: minutes,
        };
        let count = slices.len();
        let shown = slices.clone();
        let task = hand_out(&mut work.project, &work.settings, slices, order).map_err(failure)?;
        println!(
            "tasks/{task}: {count} slices, about {:.0} minutes ({minutes:.1} each); open \
             tasks/{task}/START.html, or `slicewise annotate`",
            minutes * count as f64
        );
        for AskedSlice { case, slice, why } in &shown {
            println!("  {case}  slice {slice} (ITK-SNAP {})  {why}", slice + 1);
        }
    }
    Ok(())
}

/// Lets the strategy choose, with the newest model if it has segmented the scans.
fn chosen(
    work: &Work,
    strategy: &dyn slicewise_strategies::QueryStrategy,
    slices: usize,
) -> Outcome<Vec<AskedSlice>> {
    let mut prepared = work.prepare()?;
    let state = work.project.state();
    let with_model =
        state.newest().is_some() && strategy.name() != slicewise_project::WITHOUT_MODEL;
    if with_model {
        work.load_newest(&mut prepared)?;
    } else if strategy.name() != slicewise_project::WITHOUT_MODEL {
        notice(format_args!(
            "there is no model yet that {} could look at; these slices are evenly spaced",
            strategy.name()
        ));
    }
    let segmenter = match with_model {
        true => Some(&mut *prepared.segmenter as &mut dyn Segmenter),
        false => None,
    };
    let query = Query {
        strategy,
        slices,
        segmenter,
    };
    choose(state, &work.settings, &prepared.cases, query).map_err(failure)
}

/// Checks slices that were named.
fn named(work: &Work, slices: &[CaseSlice]) -> Outcome<Vec<AskedSlice>> {
    let state = work.project.state();
    let mut asked = Vec::new();
    for CaseSlice { case, slice } in slices {
        let scan = state.scans.get(case).ok_or_else(|| {
            let known: Vec<&str> = state.scans.keys().map(String::as_str).collect();
            Failure::input(anyhow!(
                "--at: expected one of the cases {}, got {case}",
                known.join(", ")
            ))
        })?;
        if *slice >= scan.shape[0] {
            return Err(Failure::input(anyhow!(
                "--at: expected a slice of {case} from 0 to {}, got {slice}",
                scan.shape[0] - 1
            )));
        }
        asked.push(AskedSlice {
            case: case.clone(),
            slice: *slice,
            why: "named".to_owned(),
        });
    }
    asked.sort_by(|a, b| (&a.case, a.slice).cmp(&(&b.case, b.slice)));
    asked.dedup();
    Ok(asked)
}

/// Shares slices among people: the first `overlap` go to everybody, the others in runs, so that each
/// person opens few scans.
fn shared(
    slices: Vec<AskedSlice>,
    people: Vec<Option<&str>>,
    overlap: usize,
) -> Vec<(Option<&str>, Vec<AskedSlice>)> {
    let overlap = overlap.min(slices.len());
    let (common, own) = slices.split_at(overlap);
    let share = own.len().div_ceil(people.len()).max(1);
    let mut parts = own.chunks(share);
    let all = people.into_iter().map(|to| {
        let mut slices = common.to_vec();
        slices.extend(parts.next().unwrap_or_default().to_vec());
        slices.sort_by(|a, b| (&a.case, a.slice).cmp(&(&b.case, b.slice)));
        (to, slices)
    });
    all.filter(|(_, slices)| !slices.is_empty()).collect()
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// Takes in what came back.
pub(crate) fn import(arguments: &ImportArguments) -> Outcome {
    let mut work = Work::open(arguments.who.name.as_deref())?;
    let place = (arguments.case.as_deref(), arguments.task.as_deref());
    let finished = take_finished(&mut work.project, &work.settings).map_err(failure)?;
    if finished > 0 {
        println!("{finished} slice(s) accepted that were finished in the browser");
    }
    let files = returned_files(&work.project, &arguments.paths, place).map_err(failure)?;
    let (mut accepted, mut refused) = (0, 0);
    let mut untouched = 0;
    for file in &files {
        let told = Told {
            also: slices_of(&arguments.also, &file.case),
            empty: slices_of(&arguments.empty, &file.case),
            map: arguments
                .map
                .iter()
                .map(|map| (map.value, map.class))
                .collect::<BTreeMap<_, _>>(),
        };
        let task = work
            .project
            .state()
            .tasks
            .iter()
            .find(|task| task.name == file.task);
        let to = task.and_then(|task| task.to.clone());
        let annotator = to.unwrap_or_else(|| work.project.who.clone());
        let submission = Submission {
            path: &file.path,
            case: &file.case,
            task: &file.task,
            annotator: &annotator,
            told: &told,
            by_index: arguments.by_index,
        };
        let imported = take_in(&mut work.project, &work.settings, &submission).map_err(failure)?;
        accepted += imported.accepted.len();
        refused += usize::from(imported.refused.is_some());
        untouched += usize::from(imported.untouched || imported.known);
        say(&file.case, &imported);
    }
    println!(
        "{accepted} slice(s) accepted from {} file(s), {untouched} of which as handed out or known; {} wait",
        files.len(),
        work.waiting()
    );
    match refused {
        0 => Ok(()),
        _ => Err(Failure::input(anyhow!(
            "{refused} file(s) refused, see above; nothing of them was lost (submitted/)"
        ))),
    }
}

fn slices_of(named: &[CaseSlice], case: &str) -> BTreeSet<usize> {
    let of_case = named.iter().filter(|named| named.case == case);
    of_case.map(|named| named.slice).collect()
}

/// Says what became of a file.
fn say(case: &str, imported: &Imported) {
    if !imported.accepted.is_empty() {
        let slices: Vec<String> = imported.accepted.iter().map(ToString::to_string).collect();
        println!("{case}: accepted {}", slices.join(", "));
    }
    for note in &imported.notes {
        println!("{case}: {note}");
    }
    if let Some(problem) = &imported.refused {
        eprintln!("{case}: refused: {problem}");
    }
}

/// Takes back drawn slices.
pub(crate) fn retract(arguments: &RetractArguments) -> Outcome {
    let mut work = Work::open(arguments.who.name.as_deref())?;
    let of = arguments.of.as_deref();
    for CaseSlice { case, slice } in &arguments.slices {
        if !work.project.state().is_drawn(case, *slice, of) {
            let whom = of.map_or_else(String::new, |name| format!(" by {name}"));
            return Err(Failure::input(anyhow!(
                "{case}:{slice}: expected a drawn slice, got one that is not drawn{whom}; see `slicewise log`"
            )));
        }
        let event = Event::Retract {
            case: case.clone(),
            slice: *slice,
            annotator: arguments.of.clone(),
        };
        work.project.record(event).map_err(failure)?;
        println!("{case}: slice {slice} is taken back; if it was asked for, it waits again");
    }
    Ok(())
}
