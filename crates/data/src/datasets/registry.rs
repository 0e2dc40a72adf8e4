//! All datasets, one line each.
//!
//! An entry `file::Type` stands for `datasets/file.rs` and its unit struct; it declares the module
//! and lists the dataset, so nothing else has to be touched.

use crate::datasets::Dataset;
use crate::error::DataError;
use slicewise_core::names;

slicewise_core::registry! {
    pub(crate) mod files;
    /// Every dataset, in the order of listings.
    pub const DATASETS: dyn Dataset = [
        manifest::Manifest,
        dhcp::Dhcp,
        neonates::Neonates,
        msd::Msd,
        phantom::Phantoms,
    ];
}

/// The dataset of that name.
///
/// # Errors
/// An unknown name, with the nearest that exists.
pub fn find(name: &str) -> Result<&'static dyn Dataset, DataError> {
    let found = names::find("dataset", DATASETS, |dataset| dataset.name(), name);
    found.map_err(|unknown| DataError::UnknownName {
        field: "dataset",
        unknown,
    })
}
