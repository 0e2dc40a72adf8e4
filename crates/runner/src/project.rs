//! The commands for scans that people annotate: what each does in a project's folder.

pub(crate) mod arguments;
mod begin;
mod desk;
mod export;
mod file;
mod hand;
mod look;
mod of_run;
mod train;
mod work;

pub(crate) use begin::init;
pub(crate) use desk::annotate;
pub(crate) use export::export;
pub(crate) use hand::{ask, import, retract};
pub(crate) use look::{log, status};
pub(crate) use train::{next, predict, train};
