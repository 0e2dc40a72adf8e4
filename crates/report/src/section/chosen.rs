//! Which slices each strategy chose, over height and by round; there is no table: the records have
//! every slice.

use crate::figure::chosen::chosen_figures;
use crate::section::{Content, Made};
use crate::sweep::Sweep;

pub(crate) fn make(sweep: &Sweep) -> Made {
    Ok(Some(Content::default().drawn(chosen_figures(sweep))))
}
