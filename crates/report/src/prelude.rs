//! The vocabulary of this crate, which nearly every file speaks.

pub(crate) use crate::arm::Arm;
pub(crate) use crate::error::{ReportError, Result};
pub(crate) use crate::format::{list, percent, task_short, task_title};
pub(crate) use crate::rounds::{Point, Round, cases_of, mean, ratio_key};
pub(crate) use itertools::Itertools;
pub(crate) use slicewise_data::{Part, Task};
pub(crate) use slicewise_experiment::{CaseRecord, RoundRecord};
pub(crate) use slicewise_metrics::Interval;
pub(crate) use std::collections::{BTreeMap, BTreeSet};
