"""Slice-wise P, R and Dice, and loading, as numpy, MONAI and nibabel do them."""

import pathlib

import nibabel
import numpy as np

CLASSES = 9
# Draw-EM's labels (crates/data/src/datasets/dhcp.rs) as classes; 0 and 4 are background.
CLASS_OF = np.array([0, 1, 2, 3, 0, 4, 5, 6, 7, 8], np.uint8)


def segmentations(folder: pathlib.Path) -> list[np.ndarray]:
    """A truth `[z, y, x]` and, in place of SR1 and SR2, two shifted copies of it."""
    image = nibabel.as_closest_canonical(nibabel.load(folder / "phantom-01_tissue.nii.gz"))
    truth = CLASS_OF[np.asarray(image.dataobj).T.astype(np.int64)]
    return [np.ascontiguousarray(np.roll(truth, shift, axis)) for shift, axis in [(0, 0), (1, 1), (2, 2)]]


def slice_overlap(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of each class and slice, in both and in either: `[C, D]`."""
    shared = np.stack([((a == c) & (b == c)).sum((1, 2)) for c in range(1, CLASSES)])
    drawn = np.stack([(a == c).sum((1, 2)) + (b == c).sum((1, 2)) for c in range(1, CLASSES)])
    return shared, drawn


def by_numpy(truth, sr1, sr2) -> dict[str, np.ndarray]:
    """P and R of each slice, in both of the paper's measures; Dice of each class by slice and volume."""
    result = {}
    for name, other in (("p", sr2), ("r", truth)):
        shared, drawn = slice_overlap(sr1, other)
        size = drawn.sum(0)
        overlap = ((sr1 != 0) & (other != 0)).sum((1, 2))
        with np.errstate(invalid="ignore"):
            result[name + "_accuracy"] = np.where(size == 0, 1, 2 * shared.sum(0) / size)
            result[name + "_dice"] = np.where(size == 0, 1, 2 * overlap / size)
            result[name + "_slices"] = 2 * shared / drawn
            result[name + "_volume"] = 2 * shared.sum(1) / drawn.sum(1)
    return result


def by_monai(truth, sr1, sr2) -> dict[str, np.ndarray]:
    """Dice of each class on each slice, the nearest that MONAI has: its DiceMetric with the slices as the batch. No
    measure of the paper's is among it, so it does less than ours in the same time."""
    import torch
    from monai.metrics import DiceMetric

    metric = DiceMetric(include_background=False, reduction="none", num_classes=CLASSES)
    slices = [torch.from_numpy(volume)[:, None].long() for volume in (truth, sr1, sr2)]
    return {
        "p_slices": metric(slices[1], slices[2]).numpy().T,
        "r_slices": metric(slices[1], slices[0]).numpy().T,
    }


def load(path: pathlib.Path) -> np.ndarray:
    """As a user of nibabel reads a scan: RAS, float32."""
    return nibabel.as_closest_canonical(nibabel.load(path)).get_fdata(dtype=np.float32)


def commands(folder: pathlib.Path, repeat) -> dict:
    maps = segmentations(folder)
    path = folder / "phantom-01_T2w.nii.gz"
    numpy, monai = by_numpy(*maps), by_monai(*maps)
    for name, values in monai.items():
        # MONAI is NaN where a class is absent from the *truth*; numpy's where it is from both.
        known = ~np.isnan(values)
        assert np.allclose(values[known], numpy[name][known]), f"numpy and MONAI differ in {name}"
    mean = lambda values: float(np.nanmean(values))
    return {
        "scores": lambda _: {name: mean(values) for name, values in numpy.items()},
        "numpy": lambda seconds: repeat(seconds, lambda: by_numpy(*maps)),
        "monai": lambda seconds: repeat(seconds, lambda: by_monai(*maps)),
        "load": lambda seconds: repeat(seconds, lambda: load(path)),
        "voxels": lambda _: {"sum": float(load(path).sum(dtype=np.float64)), "shape": maps[0].shape},
    }
