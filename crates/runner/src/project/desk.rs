//! `slicewise annotate`: the slices that wait, on a page in the browser.

use super::arguments::AnnotateArguments;
use super::file::ProjectFile;
use super::work::{Work, failure, name_of};
use crate::failure::{Failure, Outcome};
use crate::notice::notice;
use anyhow::Context;
use ndarray::{Array3, Axis};
use slicewise_browser::{
    Answer, AskedSlice, Class, Desk, DeskError, Options, Overview, Saved, Server, SliceView,
    State as SliceState,
};
use slicewise_core::{Image, SliceAxis};
use slicewise_data::scan::read_scan;
use slicewise_project::{
    AskedTask, History, Project, ProjectError, ProjectFolder, Save, ScanEntry, Settings, State,
    add_save, drawn_slices_of, palette, predicted, saves, take_finished, take_finished_on,
};
use std::collections::BTreeMap;
use std::fs;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};

/// Intensities below and above these shares of a scan's voxels are shown as black and white at first.
const WINDOW: [f64; 2] = [0.01, 0.995];

/// A scan that was looked at, the sliced axis first, and the intensities shown as black and white at first.
struct Shown {
    image: Image,
    window: [f32; 2],
    /// The segmentation by the model of this name, as the page showed it last.
    draft: Mutex<Option<(String, Arc<Array3<u8>>)>>,
}

/// The project's slices on the page.
struct ProjectDesk {
    folder: ProjectFolder,
    file: ProjectFile,
    settings: Settings,
    /// Whose slices are shown.
    who: String,
    /// Scans that were looked at.
    scans: Mutex<BTreeMap<String, Arc<Shown>>>,
    /// One save at a time, so that versions count up.
    saving: Mutex<()>,
}

/// Serves the page until Ctrl-C.
pub(crate) fn annotate(arguments: &AnnotateArguments) -> Outcome {
    let name = arguments.who.name.as_deref();
    // Scans that joined, and settings that are wrong, are dealt with first.
    let mut work = Work::open(name)?;
    take_finished(&mut work.project, &work.settings).map_err(failure)?;
    let desk = ProjectDesk {
        folder: work.project.folder.clone(),
        file: work.file.clone(),
        settings: work.settings.clone(),
        who: name_of(name),
        scans: Mutex::new(BTreeMap::new()),
        saving: Mutex::new(()),
    };
    drop(work);
    let waiting = desk
        .overview()
        .map_err(|error| Failure::input(anyhow::anyhow!("{error}")))?;
    let open = waiting
        .slices
        .iter()
        .filter(|slice| slice.state != SliceState::Done);
    let kept = desk.folder.root().join(".cache/annotate.json");
    // The same port and token as before, so that a page that is still open goes on.
    let before = fs::read_to_string(&kept).ok();
    let before: Option<(u16, String)> = before.and_then(|text| serde_json::from_str(&text).ok());
    let count = open.count();
    let desk: Arc<dyn Desk> = Arc::new(desk);
    let server = match before.filter(|_| arguments.port.is_none()) {
        Some((port, token)) => Server::start(
            Arc::clone(&desk),
            Options {
                port: Some(port),
                token: Some(token),
            },
        )
        .or_else(|_| Server::start(Arc::clone(&desk), Options::default())),
        None => Server::start(
            Arc::clone(&desk),
            Options {
                port: arguments.port,
                token: None,
            },
        ),
    };
    let server = server.map_err(Failure::input)?;
    if let Some(folder) = kept.parent() {
        let text = serde_json::to_vec(&(server.port(), server.token()))?;
        let written =
            fs::create_dir_all(folder).and_then(|()| slicewise_core::write_whole(&kept, &text));
        written.with_context(|| kept.display().to_string())?;
    }
    println!("{count} slice(s) wait; open {}", server.url());
    notice("Ctrl-C ends it; what is drawn is kept");
    let (sender, stop) = mpsc::channel();
    let _ = ctrlc::set_handler(move || {
        let _ = sender.send(());
    });
    let _ = stop.recv();
    server.stop();
    Ok(())
}

impl ProjectDesk {
    fn state(&self) -> Result<State, DeskError> {
        let lines = History::read(&self.folder.history()).map_err(failed)?;
        Ok(State::of(&lines))
    }

    /// The tasks of the person, newest first: a slice that several ask for answers the newest.
    fn tasks<'a>(&self, state: &'a State) -> impl Iterator<Item = &'a AskedTask> {
        let who = self.who.clone();
        let own = move |task: &&AskedTask| task.to.as_ref().is_none_or(|to| *to == who);
        state.tasks.iter().rev().filter(own)
    }

    fn task_of<'a>(
        &self,
        state: &'a State,
        case: &str,
        slice: usize,
    ) -> Result<&'a AskedTask, DeskError> {
        let asks = |task: &&AskedTask| {
            let mut slices = task.slices.iter();
            slices.any(|asked| asked.case == case && asked.slice == slice)
        };
        self.tasks(state).find(asks).ok_or_else(|| {
            DeskError::Input(format!(
                "expected a slice that was asked for, got {case}:{slice}"
            ))
        })
    }

    /// The scan of a case, read once.
    fn scan(&self, state: &State, case: &str) -> Result<Arc<Shown>, DeskError> {
        let mut scans = self.scans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = scans.get(case) {
            return Ok(Arc::clone(known));
        }
        let entry = state.scans.get(case).ok_or_else(|| {
            DeskError::Input(format!("expected a case of the project, got {case:?}"))
        })?;
        let path = self.folder.scan_file(&entry.file);
        let image = read_scan(&path, self.settings.axis, &self.settings.preparation);
        let image = image.map_err(|error| DeskError::Failed(error.to_string()))?;
        let window = window(&image);
        // A few scans of hundreds of megabytes are enough.
        if scans.len() >= 3 {
            scans.clear();
        }
        let draft = Mutex::new(None);
        let scan = Arc::new(Shown {
            image,
            window,
            draft,
        });
        scans.insert(case.to_owned(), Arc::clone(&scan));
        Ok(scan)
    }

    /// The newest draft of a case, read once for each model.
    fn draft(
        &self,
        state: &State,
        scan: &Shown,
        case: &str,
    ) -> Result<Option<Arc<Array3<u8>>>, DeskError> {
        let Some(model) = state.newest().filter(|model| model.predicted) else {
            return Ok(None);
        };
        let mut shown = scan.draft.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, draft)) = shown.as_ref().filter(|(name, _)| *name == model.id) {
            return Ok(Some(Arc::clone(draft)));
        }
        let draft = predicted(&self.folder, state, &model.id, case).map_err(failed)?;
        let draft = draft.map(Arc::new);
        *shown = draft.clone().map(|draft| (model.id.clone(), draft));
        Ok(draft)
    }
}

impl Desk for ProjectDesk {
    fn overview(&self) -> Result<Overview, DeskError> {
        let state = self.state()?;
        let mut slices: Vec<AskedSlice> = Vec::new();
        for task in self.tasks(&state) {
            for asked in &task.slices {
                let known =
                    |slice: &AskedSlice| slice.case == asked.case && slice.slice == asked.slice;
                if slices.iter().any(known) {
                    continue;
                }
                let saves =
                    saves(&self.folder, &task.name, &asked.case, asked.slice).map_err(failed)?;
                let drawn = state.is_drawn(&asked.case, asked.slice, task.to.as_deref());
                let last = saves.last();
                let finished = last.is_some_and(|last| last.finished);
                let Some(scan) = state.scans.get(&asked.case) else {
                    continue;
                };
                let (plane, _) = scan.axis.slice_and_start();
                slices.push(AskedSlice {
                    case: asked.case.clone(),
                    slice: asked.slice,
                    of: scan.shape[0],
                    position_mm: asked.slice as f64 * scan.spacing_mm[0],
                    plane: plane.to_owned(),
                    why: asked.why.clone(),
                    state: match (last, drawn || finished) {
                        (Some(last), _) if !last.finished => SliceState::Begun,
                        (_, true) => SliceState::Done,
                        _ => SliceState::Open,
                    },
                    who: last.map(|last| last.who.clone()),
                });
            }
        }
        slices.sort_by(|a, b| (&a.case, a.slice).cmp(&(&b.case, b.slice)));
        // The colours that the files for other tools have.
        let named = palette(&self.file.classes).into_iter();
        let named = named.take(self.file.classes.len() - 1);
        let foreground = named.map(|label| {
            let [r, g, b] = label.colour;
            (label.name, format!("#{r:02x}{g:02x}{b:02x}"))
        });
        let background = (self.file.classes[0].clone(), "#000000".to_owned());
        let classes = std::iter::once(background).chain(foreground);
        Ok(Overview {
            // Browsers keep what is not saved yet under the title, so it differs by project.
            title: format!("{} · {}", self.file.name, state.id),
            classes: classes
                .map(|(name, colour)| Class { name, colour })
                .collect(),
            slices,
        })
    }

    fn slice(&self, case: &str, slice: usize) -> Result<SliceView, DeskError> {
        let state = self.state()?;
        let task = self.task_of(&state, case, slice)?;
        let scan = self.scan(&state, case)?;
        let Shown { image, window, .. } = &*scan;
        let (_, height, width) = image.voxels.dim();
        let [_, h_mm, w_mm] = image.geometry.spacing_mm();
        let saves = saves(&self.folder, &task.name, case, slice).map_err(failed)?;
        let drawn = state.drawn.get(case).into_iter().flat_map(BTreeMap::keys);
        let others = drawn.copied().filter(|other| *other != slice);
        let nearest = others.min_by_key(|other| other.abs_diff(slice));
        let wanted = |other| other == slice || Some(other) == nearest;
        let drawn = drawn_slices_of(&self.folder, &state, case, wanted).map_err(failed)?;
        let last = saves.last();
        let accepted = || {
            drawn
                .get(&slice)
                .map(|labels| labels.iter().copied().collect())
        };
        let outline = nearest.and_then(|other| drawn.get_key_value(&other));
        let draft = self.draft(&state, &scan, case)?;
        Ok(SliceView {
            shape: [height, width],
            spacing_mm: [h_mm, w_mm],
            intensities: image
                .voxels
                .index_axis(Axis(0), slice)
                .iter()
                .copied()
                .collect(),
            window: *window,
            labels: last.map(Save::labels).or_else(accepted),
            draft: draft.map(|draft| draft.index_axis(Axis(0), slice).iter().copied().collect()),
            outline: outline.map(|(&other, labels)| (other, labels.iter().copied().collect())),
            version: last.map_or(0, |last| last.version),
            sides: sides(state.scans[case].axis),
        })
    }

    fn save(&self, answer: &Answer) -> Result<Saved, DeskError> {
        let _one = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state()?;
        let (case, slice) = (answer.case.as_str(), answer.slice);
        let task = self.task_of(&state, case, slice)?;
        let [_, height, width] = state.scans[case].shape;
        answer.check([height, width], self.file.classes.len())?;
        let before = saves(&self.folder, &task.name, case, slice).map_err(failed)?;
        let version = before.last().map_or(0, |last| last.version);
        if answer.version != version {
            return Err(DeskError::Conflict { version });
        }
        let seconds = if answer.seconds.is_finite() {
            answer.seconds.max(0.0)
        } else {
            0.0
        };
        let save = Save::new(
            version + 1,
            &answer.who,
            answer.finished,
            seconds,
            &answer.labels,
        );
        add_save(&self.folder, &task.name, case, slice, &save).map_err(failed)?;
        if answer.finished {
            match Project::open(self.folder.clone(), &answer.who) {
                Ok(mut project) => {
                    let grid = |entry: &ScanEntry| {
                        let scan = self.scan(&state, &entry.case);
                        let scan = scan.map_err(|error| ProjectError::Input(error.to_string()))?;
                        Ok(scan.image.geometry.clone())
                    };
                    take_finished_on(&mut project, grid).map_err(failed)?;
                }
                // Somebody trains: it is accepted with the next one, or by `slicewise import`.
                Err(ProjectError::InUse { .. }) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(Saved {
            version: version + 1,
        })
    }
}

fn failed(error: ProjectError) -> DeskError {
    DeskError::Failed(error.to_string())
}

/// Returns the intensities shown as black and white at first.
fn window(image: &Image) -> [f32; 2] {
    let mut values: Vec<f32> = image
        .voxels
        .iter()
        .copied()
        .filter(|value| *value != 0.0)
        .collect();
    if values.is_empty() {
        return [0.0, 1.0];
    }
    values.sort_by(f32::total_cmp);
    let [low, high] = WINDOW.map(|share| values[(share * (values.len() - 1) as f64) as usize]);
    if low < high {
        [low, high]
    } else {
        [low, low + 1.0]
    }
}

/// Returns the letters at the left, right, top and bottom of a slice whose rows are drawn upwards.
fn sides(axis: SliceAxis) -> [String; 4] {
    match axis {
        SliceAxis::Axial | SliceAxis::Thickest => ["L", "R", "A", "P"],
        SliceAxis::Sagittal => ["P", "A", "S", "I"],
        SliceAxis::Coronal => ["L", "R", "S", "I"],
    }
    .map(str::to_owned)
}
