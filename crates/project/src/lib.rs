//! A project: a folder of scans that people annotate slice by slice. It asks for slices, hands them
//! out as files for the tools that people draw with, checks and keeps what comes back, trains on it,
//! and exports segmentations. This crate knows a [`Segmenter`](slicewise_core::Segmenter), not tch.

mod accept;
mod agreement;
mod annotations;
mod ask;
mod cases;
mod check;
mod drawing;
mod error;
mod export;
mod folder;
mod handout;
mod history;
mod import;
mod nnunet;
mod returned;
mod scans;
mod settings;
mod state;
mod tasks;
mod train;

pub use accept::{Answer, accept};
pub use agreement::{Agreement, between_people};
pub use annotations::{drawn_slices, drawn_slices_of};
pub use ask::{Query, WITHOUT_MODEL, choose};
pub use cases::{ProjectCase, load_cases};
pub use check::{Found, Pending, Told};
pub use drawing::{Save, add_save, saves, take_finished, take_finished_on};
pub use error::ProjectError;
pub use export::export_dense;
pub use folder::{Project, ProjectFolder};
pub use handout::{Label, palette};
pub use history::{AskedSlice, Event, History, Line, ScanEntry};
pub use import::{Imported, Submission, import};
pub use nnunet::{NnunetExport, export_nnunet};
pub use returned::{ReturnedFile, returned_files};
pub use scans::{Noticed, find_scans, read_scans, take_in, write_scans};
pub use settings::Settings;
pub use state::{AskedTask, Drawn, State, Submitted, TrainedModel};
pub use tasks::{Order, TaskFile, hand_out};
pub use train::{
    load, model_id, need_drawn, predict, predicted, train, weights, weights_seed, write_prediction,
};
