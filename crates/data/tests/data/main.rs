//! Tests the data crate from outside: files go in, cases or messages come out.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod broken_files;
mod broken_settings;
mod bytes;
mod case_files;
mod datasets;
mod folds;
mod found_by_fuzzing;
mod grids;
mod intensity;
mod intensity_of_folds;
mod made_headers;
mod msd_description;
mod msd_files;
mod nibabel;
mod nifti_fixtures;
mod no_foreground;
mod other_files;
mod own_grid;
mod people;
mod positions;
mod preprocessing;
mod random_headers;
mod real_data;
mod small_files;
mod tables;
mod task_definitions;
mod twins;
mod values;
