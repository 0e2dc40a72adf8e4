//! The sweep: plan, round loop, records, ledger and resume. Knows a `Segmenter`, not tch.

pub mod record;

pub use record::{CaseRecord, QueryRecord, RoundRecord};
