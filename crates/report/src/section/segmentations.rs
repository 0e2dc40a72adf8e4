//! Figs. 3 and 6 of the volumes that a sweep keeps; there is no table.

use crate::figure::attention::attention_figure;
use crate::figure::segmentations::segmentation_figure;
use crate::section::{Content, Made};
use crate::sweep::Sweep;

pub(crate) fn make(sweep: &Sweep) -> Made {
    let figures = [attention_figure(sweep)?, segmentation_figure(sweep)?];
    Ok(Some(Content::default().drawn(figures.into_iter().flatten())))
}
