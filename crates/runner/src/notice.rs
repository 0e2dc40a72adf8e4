//! What the program says on standard error beside errors: how far it is, what it found and made good.
//! `--quiet` leaves it out.

use std::sync::atomic::{AtomicBool, Ordering};

static QUIET: AtomicBool = AtomicBool::new(false);

/// Leaves out all notices from now on.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether notices are left out.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says `text` on a line of its own, unless notices are left out.
pub(crate) fn notice(text: impl std::fmt::Display) {
    if !is_quiet() {
        eprintln!("{text}");
    }
}
