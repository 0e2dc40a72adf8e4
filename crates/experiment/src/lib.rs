//! The sweep: plan, round loop, records, ledger and resume. Knows a `Segmenter`, not tch.

pub mod manifest;
pub mod record;
pub mod segmenter;

pub use manifest::{DataManifest, Manifest};
pub use record::{CaseRecord, QueryRecord, RoundRecord};
pub use segmenter::{Segmenter, SegmenterError, TrainingCase};
