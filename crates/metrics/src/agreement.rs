//! How alike two segmentations are, slice by slice (paper, section 2.2).

/// The comparison of SR1 with SR2 (P) or with the ground truth (R).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// 2 |S1 ∩ S2| / (|S1| + |S2|) over foreground voxels: Task 1.
    Dice,
    /// 2 #(S1 = S2 ≠ 0) / (#(S1 ≠ 0) + #(S2 ≠ 0)): Task 2.
    Accuracy,
}
