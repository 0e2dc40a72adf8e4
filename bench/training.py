"""Volumes, crops, loss, step and prediction of the peer: what crates/model does, in PyTorch."""

import contextlib
import csv
import dataclasses
import math
import pathlib
import random

import numpy as np
import torch
from torch.nn import functional as F

from network import AttentionUNet, parameter_name

IGNORE = 255


@dataclasses.dataclass(frozen=True)
class Setting:
    """How the same network is computed. The defaults are PyTorch's."""

    precision: str = "float32"  # or bfloat16, by autocast
    memory_format: str = "contiguous"  # or channels-last
    norm: str = "instance"  # or group
    compile: bool = False
    # What costs nothing to know: a fused AdamW (by default it is a loop over the parameters), and
    # numbers too small for float32's exponent taken as zero.
    expert: bool = False

    @property
    def torch_format(self):
        last = self.memory_format == "channels-last"
        return torch.channels_last_3d if last else torch.contiguous_format

    def autocast(self):
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast("cpu", torch.bfloat16)


def read_volume(path: pathlib.Path) -> np.ndarray:
    """A NIfTI volume in RAS, `[z, y, x]`."""
    import nibabel  # Not on a GPU machine, where gpu_peer.py needs the rest of this module.

    image = nibabel.as_closest_canonical(nibabel.load(path))
    return np.ascontiguousarray(image.get_fdata(dtype=np.float32).T)


@dataclasses.dataclass
class Case:
    image: np.ndarray  # float32 [D, H, W], normalised
    labels: np.ndarray  # uint8 [D, H, W]


def read_cases(folder: pathlib.Path, margin_mm: float, spacing_mm: float) -> list[Case]:
    """The tissue task as crates/data prepares it: mask, crop to it and a margin, z-score."""
    from volumes import CLASS_OF  # Likewise.

    cases = []
    with open(folder / "manifest.csv") as file:
        for row in csv.DictReader(file):
            image, labels, mask = (read_volume(folder / row[k]) for k in ("image", "label", "mask"))
            inside = mask > 0
            image = np.where(inside, image, np.float32(0))
            labels = CLASS_OF[np.where(inside, labels, 0).astype(np.int64)]
            margin = math.ceil(margin_mm / spacing_mm)
            box = []
            for axis in range(3):
                where = np.flatnonzero(inside.any(tuple(a for a in range(3) if a != axis)))
                box.append(slice(max(where[0] - margin, 0), where[-1] + margin + 1))
            image, labels, inside = (np.ascontiguousarray(v[tuple(box)]) for v in (image, labels, inside))
            counted = image[inside].astype(np.float64)
            image = ((image - counted.mean()) / counted.std()).astype(np.float32)
            cases.append(Case(image, labels))
    return cases


def annotate(labels: np.ndarray, annotated: np.ndarray) -> np.ndarray:
    """Labels with IGNORE on slices that nobody annotated."""
    known = np.full_like(labels, IGNORE)
    known[annotated] = labels[annotated]
    return known


class Crops:
    """Random crops that hold an annotated slice."""

    def __init__(self, cases: list[Case], annotated: list[np.ndarray], training: dict, seed: int):
        self.size = [
            min(size, -(-max(case.image.shape[axis] for case in cases) // 8) * 8)
            for axis, size in enumerate(training["crop"])
        ]
        self.batch = training["batch"]
        self.random = random.Random(seed)
        self.volumes = [
            (
                torch.from_numpy(case.image),
                torch.from_numpy(annotate(case.labels, slices)),
                np.flatnonzero(slices),
            )
            for case, slices in zip(cases, annotated)
        ]

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = [], []
        for _ in range(self.batch):
            image, known, slices = self.random.choice(self.volumes)
            last = [max(n - size, 0) for n, size in zip(image.shape, self.size)]
            chosen = int(self.random.choice(slices))
            start = [
                self.random.randint(min(max(chosen + 1 - self.size[0], 0), last[0]), min(chosen, last[0])),
                self.random.randint(0, last[1]),
                self.random.randint(0, last[2]),
            ]
            box = tuple(slice(s, s + size) for s, size in zip(start, self.size))
            images.append(pad(image[box], self.size))
            missing = [size - n for size, n in zip(self.size, known[box].shape)]
            padding = (0, missing[2], 0, missing[1], 0, missing[0])
            labels.append(F.pad(known[box], padding, value=IGNORE))
        return torch.stack(images)[:, None], torch.stack(labels).long()


def pad(image: torch.Tensor, size: list[int]) -> torch.Tensor:
    missing = [want - have for want, have in zip(size, image.shape)]
    if not any(missing):
        return image
    return F.pad(image[None, None], (0, missing[2], 0, missing[1], 0, missing[0]), mode="replicate")[0, 0]


def class_weights(cases: list[Case], annotated: list[np.ndarray], classes: int, power: float) -> torch.Tensor:
    counts = sum(
        np.bincount(case.labels[slices].ravel(), minlength=classes)
        for case, slices in zip(cases, annotated)
    )
    present = counts > 0
    weights = np.ones(classes)
    weights[present] = (counts.sum() / counts[present]) ** power
    weights[present] /= weights[present].mean()
    return torch.tensor(weights, dtype=torch.float32)


def soft_dice(maps: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    classes = maps.shape[1]
    known = labels != IGNORE
    truth = F.one_hot(labels * known, classes).permute(0, 4, 1, 2, 3).float() * known[:, None]
    found = maps.softmax(1) * known[:, None]
    total = lambda t: t.sum((0, 2, 3, 4))[1:]
    true_size = total(truth)
    dice = (2 * total(found * truth) + 1) / (total(found) + true_size + 1)
    present = (true_size > 0).float()
    return (dice * present).sum() / present.sum().clamp(min=1)


class Trainer:
    """A network, AdamW, and the moving average of the weights that predicts."""

    def __init__(self, settings: dict, setting: Setting, seed: int = 0):
        torch.manual_seed(seed)
        torch.set_flush_denormal(setting.expert)
        model, self.training, self.setting = settings["model"], settings["training"], setting
        self.classes = settings["classes"]
        self.supervision = model["head"]["supervision"]
        network = AttentionUNet(self.classes, model["base_width"], model["levels"], setting.norm)
        self.network = network.to(memory_format=setting.torch_format)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=self.training["learning_rate"],
            betas=(self.training["momentum"], 0.999),
            weight_decay=self.training["weight_decay"],
            **({"fused": True} if setting.expert else {}),
        )
        self.forward = torch.compile(self.network) if setting.compile else self.network
        self.loss = torch.compile(self.loss_of) if setting.compile else self.loss_of
        self.average = [parameter.detach().clone() for parameter in self.network.parameters()]
        self.steps = 0

    def load(self, tensors: dict) -> None:
        """A checkpoint of ours, the optimiser's state included."""
        own = dict(self.network.named_parameters())
        names = {parameter_name(name[5:]): name[5:] for name in tensors if name.startswith("last.")}
        assert set(names) == set(own), f"parameters differ by name: {sorted(set(names) ^ set(own))}"
        self.steps = int(tensors["steps"])
        with torch.no_grad():
            for parameter, (name, tensor) in zip(self.average, own.items()):
                ours = names[name]
                parameter.copy_(tensors[ours])
                tensor.copy_(tensors["last." + ours])
                self.optimizer.state[tensor] = {
                    "step": torch.tensor(float(self.steps)),
                    "exp_avg": tensors["momentum." + ours].clone().view_as(tensor),
                    "exp_avg_sq": tensors["squares." + ours].clone().view_as(tensor),
                }

    def loss_of(self, maps, logits, labels, weights):
        cross_entropy = lambda x: F.cross_entropy(x, labels, weights, ignore_index=IGNORE)
        loss = cross_entropy(maps)
        if self.training["soft_dice"] > 0:
            loss = loss + self.training["soft_dice"] * (1 - soft_dice(maps, labels))
        return loss + self.supervision * cross_entropy(logits)

    def step(self, images, labels, weights) -> float:
        self.network.train()
        images = images.contiguous(memory_format=self.setting.torch_format)
        with self.setting.autocast():
            maps, logits = self.forward(images)
        loss = self.loss(maps, logits, labels, weights)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        kept = min(self.training["averaging"], 1 - 10 / (self.steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(self.network.parameters()), 1 - kept)
        return loss.item()

    @contextlib.contextmanager
    def averaged(self):
        """The average of the weights in the network while it predicts."""
        parameters = list(self.network.parameters())
        kept = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            torch._foreach_copy_(parameters, self.average)
            yield
            torch._foreach_copy_(parameters, kept)

    def predict(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Segments a volume `[D, H, W]` in half-overlapping tiles (MONAI's sliding window)."""
        from monai.inferers import sliding_window_inference

        self.network.eval()
        shape = image.shape
        padded = pad(torch.from_numpy(image), [-(-n // 8) * 8 for n in shape])
        tile = [min(size, n) for size, n in zip(self.training["crop"], padded.shape)]

        def answer(tiles):
            with self.setting.autocast():
                return self.forward(tiles.contiguous(memory_format=self.setting.torch_format))

        with self.averaged(), torch.inference_mode():
            maps, logits = sliding_window_inference(padded[None, None], tile, 1, answer, overlap=0.5)
            box = (slice(None), *(slice(0, n) for n in shape))
            maps, logits = maps[0][box], logits[0][box]
            return {
                "probabilities": maps.softmax(0).numpy(),
                "attention": logits.softmax(0).numpy(),
                "sr1": maps.argmax(0).byte().numpy(),
                "sr2": logits.argmax(0).byte().numpy(),
            }
