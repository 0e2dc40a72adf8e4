//! Why the grids of a scan and of its labels differ, and what to do about it.

/// What the difference between the grids of a scan and of its labels or mask most likely comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GridCause {
    /// They differ by half a voxel at most.
    Rounding,
    /// The arrays have one shape, and the labels' file states no position.
    NoPosition,
    /// The arrays have one shape, and the scan's file states no position.
    NoPositionOfScan,
    /// Only the origins differ.
    Shift,
    /// Two different grids.
    OtherGrid,
}

impl GridCause {
    /// Returns what the user can do, in one sentence.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Rounding => {
                "Resample it to the image's grid, or raise data.grid_tolerance_voxels if so small a difference does not matter."
            }
            Self::NoPosition => {
                "Its header states no position: if its array belongs to the image's voxel by voxel, copy the image's header to it (fslcpgeom IMAGE LABEL, or in nibabel nib.save(nib.Nifti1Image(np.asarray(label.dataobj), image.affine), LABEL)), and do not resample it."
            }
            Self::NoPositionOfScan => {
                "The image's header states no position: if the arrays belong together voxel by voxel, copy this file's header to the image (fslcpgeom LABEL IMAGE, or in nibabel nib.save(nib.Nifti1Image(np.asarray(image.dataobj), label.affine), IMAGE)), and do not resample it."
            }
            Self::Shift => {
                "Only the origins differ: if the arrays belong together voxel by voxel, copy the image's header to it (fslcpgeom IMAGE LABEL); else resample it to the image's grid, or name the file that belongs to this image."
            }
            Self::OtherGrid => {
                "Resample it to the image's grid, or name the file that belongs to this image."
            }
        }
    }
}
