//! All networks, one line each.
//!
//! An entry `file::ARCHITECTURE` stands for `src/file.rs` and its constant; it declares the module
//! and lists the network, so nothing else has to be touched. `tests/laws.rs` covers every entry.

use crate::architecture::Architecture;
use slicewise_core::names::{self, UnknownName};

slicewise_core::registry! {
    pub(crate) mod files;
    /// Every network, in the order of `slicewise list models`.
    pub const ARCHITECTURES: Architecture = [
        attention_unet::ARCHITECTURE,
        unet::ARCHITECTURE,
        v_net::ARCHITECTURE,
    ];
}

/// The network of that name.
///
/// # Errors
/// There is none; the error suggests the nearest.
pub fn find(name: &str) -> Result<&'static Architecture, UnknownName> {
    names::find(
        "architecture",
        ARCHITECTURES,
        |architecture| architecture.name,
        name,
    )
}
