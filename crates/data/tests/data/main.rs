//! The data crate from outside: files in, cases or messages out.

mod broken_files;
mod broken_settings;
mod layouts;
mod nibabel;
mod nifti_fixtures;
mod preprocessing;
mod real_data;
mod small_files;
