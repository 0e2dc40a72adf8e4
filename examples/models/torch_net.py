#!/usr/bin/env python3
"""A network of one's own for slicewise, in PyTorch: a small 3D U-Net of two levels.

In an experiment:

    models:
      torch-net: {architecture: {command: [python3, examples/models/torch_net.py]}, base_width: 8}

slicewise asks one line of JSON at a time, and reads one line of JSON as the answer (docs/models.md): begin,
train one step, predict, save, load. Put nnU-Net or a MONAI network in place of `Net`. Needs torch and
numpy.
"""
import json
import sys

import numpy as np
import torch
from torch import nn

NOT_ANNOTATED = 255  # on slices without labels


class Net(nn.Module):
    """Two levels, instance normalisation, one skip connection."""

    def __init__(self, width, classes):
        super().__init__()
        block = lambda i, o: nn.Sequential(
            nn.Conv3d(i, o, 3, padding=1), nn.InstanceNorm3d(o, affine=True), nn.LeakyReLU(),
            nn.Conv3d(o, o, 3, padding=1), nn.InstanceNorm3d(o, affine=True), nn.LeakyReLU(),
        )
        self.fine, self.coarse = block(1, width), block(width, 2 * width)
        self.join, self.maps = block(3 * width, width), nn.Conv3d(width, classes, 1)

    def forward(self, images):  # [N, 1, D, H, W], even lengths
        fine = self.fine(images)
        coarse = self.coarse(nn.functional.max_pool3d(fine, 2))
        up = nn.functional.interpolate(coarse, scale_factor=2, mode="trilinear")
        return self.maps(self.join(torch.cat([fine, up], 1)))


class Model:
    def begin(self, told):
        torch.manual_seed(told["seed"])
        torch.set_num_threads(told["threads"])
        self.training = told["training"]
        self.net = Net(told["model"]["base_width"], told["classes"])
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=self.training["learning_rate"])
        self.loss = nn.CrossEntropyLoss(ignore_index=NOT_ANNOTATED)
        self.version = None

    def train(self, told):
        volumes = told["volumes"]
        if volumes["version"] != self.version:  # otherwise they are as before
            self.version = volumes["version"]
            self.volumes = [
                (np.load(case["image"]), np.load(case["labels"])) for case in volumes["cases"]
            ]
        # Crops follow from seed and step alone, so a run that was interrupted ends like one that was not.
        rng = np.random.default_rng([told["seed"], told["step"]])
        crops = [self.crop(rng) for _ in range(self.training["batch"])]
        images = torch.from_numpy(np.stack([image for image, _ in crops]))[:, None]
        labels = torch.from_numpy(np.stack([labels for _, labels in crops])).long()
        self.net.train()
        loss = self.loss(self.net(images), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.item()}

    def crop(self, rng):
        """A crop that holds an annotated slice, and its labels."""
        image, labels = self.volumes[rng.integers(len(self.volumes))]
        size = self.training["crop"]
        padding = [(0, max(0, want - have)) for want, have in zip(size, image.shape)]
        image = np.pad(image, padding, mode="edge")
        labels = np.pad(labels, padding, constant_values=NOT_ANNOTATED)
        annotated = np.flatnonzero((labels != NOT_ANNOTATED).any(axis=(1, 2)))
        z = rng.choice(annotated)
        lowest = [max(0, z - size[0] + 1), 0, 0]
        highest = [min(z, image.shape[0] - size[0])] + [
            have - want for have, want in zip(image.shape[1:], size[1:])
        ]
        start = [rng.integers(min(a, b), b + 1) for a, b in zip(lowest, highest)]
        box = tuple(slice(a, a + n) for a, n in zip(start, size))
        return image[box], labels[box]

    @torch.no_grad()
    def predict(self, told):
        image = np.load(told["image"])
        padding = [(0, -length % 2) for length in image.shape]
        images = torch.from_numpy(np.pad(image, padding, mode="edge"))[None, None]
        self.net.eval()
        probabilities = torch.softmax(self.net(images)[0], 0).numpy()
        d, h, w = image.shape
        np.save(told["probabilities"], np.ascontiguousarray(probabilities[:, :d, :h, :w]))

    def save(self, told):
        state = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        with open(told["path"], "wb") as file:
            torch.save(state, file)

    def load(self, told):
        state = torch.load(told["path"], weights_only=True)
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])


model = Model()
for line in sys.stdin:
    told = json.loads(line)
    print(json.dumps(getattr(model, told["do"])(told) or {}), flush=True)
