//! A project: a folder of scans that people annotate slice by slice. It asks for slices, hands them
//! out as files for the tools that people draw with, checks and keeps what comes back, trains on it,
//! and exports segmentations. This crate knows a [`Segmenter`](slicewise_core::Segmenter), not tch.
