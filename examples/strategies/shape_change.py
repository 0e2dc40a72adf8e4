#!/usr/bin/env python3
"""A query strategy in Python: the slices on which the predicted shape changes fastest.

Labels of a slice tell most about its neighbours where the organ keeps its shape, and least where it
changes. The score of a slice is the area, in mm2, on which its segmentation differs from those of its
two neighbours. Slices next to an annotated one count half.

In an experiment:

    strategies:
      shape-change: {command: [python3, examples/strategies/shape_change.py]}

slicewise asks one line of JSON a case, and reads one line of JSON as the answer (docs/strategies.md).
Needs numpy and nothing else.
"""
import json
import sys

import numpy as np


def scores(question):
    """One score for each slice; slicewise takes the highest that are not annotated yet."""
    segmentation = np.load(question["files"]["sr1"], mmap_mode="r")  # [D, H, W], classes
    _, y_mm, x_mm = question["spacing_mm"]
    annotated = question["annotated"]
    changes = (segmentation[1:] != segmentation[:-1]).sum(axis=(1, 2)) * y_mm * x_mm
    change = np.zeros(len(segmentation))
    change[1:] += changes
    change[:-1] += changes
    for slice_ in range(len(change)):
        if any(annotated[max(slice_ - 1, 0) : slice_ + 2]):
            change[slice_] /= 2
    return change.tolist()


for line in sys.stdin:
    print(json.dumps({"scores": scores(json.loads(line))}), flush=True)
