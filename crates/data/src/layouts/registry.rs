//! All data set layouts, one line each.
//!
//! An entry `file::Type` stands for `layouts/file.rs` and its unit struct; it declares the module
//! and lists the layout, so nothing else has to be touched.

use crate::error::DataError;
use crate::layouts::DatasetLayout;
use slicewise_core::names;

slicewise_core::registry! {
    pub(crate) mod files;
    /// Every layout, in the order of listings.
    pub const DATASETS: dyn DatasetLayout = [
        manifest::Manifest,
        dhcp::Dhcp,
        neonates::Neonates,
        msd::Msd,
        phantom::Phantoms,
    ];
}

/// The layout of that name.
///
/// # Errors
/// An unknown name, with the nearest that exists.
pub fn find(name: &str) -> Result<&'static dyn DatasetLayout, DataError> {
    let found = names::find("layout", DATASETS, |layout| layout.name(), name);
    found.map_err(|unknown| DataError::UnknownName {
        field: "layout",
        unknown,
    })
}
