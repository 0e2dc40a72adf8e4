#!/usr/bin/env python3
"""The smallest model of one's own for slicewise: a class is where its intensities are.

It counts how often each class has each intensity on annotated slices, a batch of slices a step, and
predicts the class frequencies of a voxel's intensity. It shows the protocol (docs/models.md) and serves as
a baseline that no network should lose to. Needs numpy and nothing else.

    models:
      intensity: {architecture: {command: [python3, examples/models/intensity.py]}}
"""
import json
import sys

import numpy as np

BINS = 64  # of normalised intensities from -3 to 3
NOT_ANNOTATED = 255


def bins(image):
    return np.clip((image + 3) / 6 * BINS, 0, BINS - 1).astype(int)


class Model:
    def begin(self, told):
        self.counts = np.ones((told["classes"], BINS))

    def train(self, told):
        cases = told["volumes"]["cases"]
        rng = np.random.default_rng([told["seed"], told["step"]])
        case = cases[rng.integers(len(cases))]
        image, labels = np.load(case["image"]), np.load(case["labels"])
        known = labels != NOT_ANNOTATED
        np.add.at(self.counts, (labels[known], bins(image[known])), 1)
        p = self.frequencies()[labels[known], bins(image[known])]
        return {"loss": float(-np.log(p).mean())}

    def frequencies(self):
        return self.counts / self.counts.sum(axis=0)

    def predict(self, told):
        image = np.load(told["image"])
        np.save(told["probabilities"], self.frequencies()[:, bins(image)].astype(np.float32))

    def save(self, told):
        with open(told["path"], "wb") as file:
            np.save(file, self.counts)

    def load(self, told):
        with open(told["path"], "rb") as file:
            self.counts = np.load(file)


model = Model()
for line in sys.stdin:
    told = json.loads(line)
    try:
        answer = getattr(model, told["do"])(told) or {}
    except Exception as error:  # said in one line, and the run fails with it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
