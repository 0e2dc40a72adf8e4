"""The PyTorch side of gpu.py: one process that trains and predicts on a device when told.

    gpu_peer.py serve CASES DEVICE SETTING

CASES is what `bench_worker cases` wrote. SETTING is JSON: memory_format `contiguous` or `channels-last`, norm
`instance` or `group`, mode `eager`, a mode of torch.compile, or `graph`: a whole step captured by hand.
Always bfloat16 by autocast, a fused AdamW that a graph may hold, crops cut on the device, a loss
read every 50 steps, cuDNN told to try its kernels. Each command is answered by one line of JSON.
"""

import contextlib
import json
import pathlib
import sys
import time

import numpy as np
import torch
from torch.nn import functional as F

from network import AttentionUNet
from training import IGNORE, Case, Crops, class_weights, pad, soft_dice

READ_EVERY = 50
TILES = 8


def read_cases(folder: pathlib.Path, settings: dict) -> list[Case]:
    read = lambda name, kind, shape: np.fromfile(folder / name, kind).reshape(shape)
    return [
        Case(read(f"{index}.f32", np.float32, shape), read(f"{index}.u8", np.uint8, shape))
        for index, shape in enumerate(settings["shapes"])
    ]


class Trainer:
    def __init__(self, settings: dict, setting: dict, cases: list[Case], device: torch.device):
        torch.manual_seed(0)
        torch.backends.cudnn.benchmark = True
        self.settings, self.training, self.device = settings, settings["training"], device
        self.mode = setting["mode"]
        last = setting["memory_format"] == "channels-last"
        self.memory_format = torch.channels_last_3d if last else torch.contiguous_format
        model = settings["model"]
        network = AttentionUNet(settings["classes"], model["base_width"], model["levels"], setting["norm"])
        self.network = network.to(device, memory_format=self.memory_format)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=self.training["learning_rate"],
            betas=(self.training["momentum"], 0.999),
            weight_decay=self.training["weight_decay"],
            fused=True,
            capturable=device.type == "cuda",
        )
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        annotated = [np.arange(len(case.image)) % settings["every"] == settings["every"] // 2 for case in cases]
        self.crops = Crops(cases, annotated, self.training, seed=0)
        self.crops.volumes = [(image.to(device), known.to(device), slices) for image, known, slices in self.crops.volumes]
        power = self.training["class_weight_power"]
        self.weights = class_weights(cases, annotated, settings["classes"], power).to(device)
        self.forward, self.loss = self.network, self.loss_of
        if self.mode not in ("eager", "graph"):
            self.forward = torch.compile(self.network, mode=self.mode)
            self.loss = torch.compile(self.loss_of, mode=self.mode)
        self.steps = 0
        self.graph = None

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=self.mode != "graph")

    def loss_of(self, maps, logits, labels, weights):
        cross_entropy = lambda x: F.cross_entropy(x.float(), labels, weights, ignore_index=IGNORE)
        loss = cross_entropy(maps)
        if self.training["soft_dice"] > 0:
            loss = loss + self.training["soft_dice"] * (1 - soft_dice(maps.float(), labels))
        return loss + self.settings["model"]["head"]["supervision"] * cross_entropy(logits)

    def update(self, images, labels):
        with self.autocast():
            maps, logits = self.forward(images)
        loss = self.loss(maps, logits, labels, self.weights)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.parameters, 1 - self.training["averaging"])
        return loss

    def draw(self):
        images, labels = self.crops.draw()
        return images.contiguous(memory_format=self.memory_format), labels

    def capture(self) -> None:
        self.images, self.labels = self.draw()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self.optimizer.zero_grad(set_to_none=True)
                self.update(self.images, self.labels)
        torch.cuda.current_stream().wait_stream(stream)
        self.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.captured = self.update(self.images, self.labels)

    def step(self):
        images, labels = self.draw()
        if self.mode == "graph":
            if self.graph is None:
                self.capture()
            self.images.copy_(images)
            self.labels.copy_(labels)
            self.graph.replay()
            loss = self.captured
        else:
            if self.mode in ("reduce-overhead", "max-autotune"):
                torch.compiler.cudagraph_mark_step_begin()
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.update(images, labels)
        self.steps += 1
        if self.steps % READ_EVERY == 0 and not np.isfinite(loss.item()):
            raise RuntimeError(f"expected a finite loss after step {self.steps}, got {loss.item()}")

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def train(self, seconds: float) -> dict:
        self.network.train()
        return self.repeat(seconds, self.step)

    def repeat(self, seconds: float, work) -> dict:
        self.wait()
        start, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() - start < seconds:
            work()
            count += 1
        self.wait()
        return {"count": count, "seconds": time.perf_counter() - start}

    @contextlib.contextmanager
    def averaged(self):
        kept = [parameter.detach().clone() for parameter in self.parameters]
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.average)
            yield
            torch._foreach_copy_(self.parameters, kept)

    def predict(self, image: np.ndarray) -> tuple[np.ndarray, ...]:
        """Half-overlapping tiles, eight at a time, blended on the device as crates/model does it."""
        self.network.eval()
        shape = image.shape
        padded = pad(torch.from_numpy(image).to(self.device), [-(-n // 8) * 8 for n in shape])
        tile = [min(size, n) for size, n in zip(self.training["crop"], padded.shape)]
        ramps = [torch.minimum(torch.arange(n) + 1, n - torch.arange(n)).float().to(self.device) for n in tile]
        weight = ramps[0][:, None, None] * ramps[1][:, None] * ramps[2]

        def starts(volume: int, size: int) -> list[int]:
            last = volume - size
            steps = -(-last // max(size // 2, 1))
            return [last * step // max(steps, 1) for step in range(steps + 1)]

        z, y, x = (starts(*pair) for pair in zip(padded.shape, tile))
        boxes = [tuple(slice(s, s + n) for s, n in zip((a, b, c), tile)) for a in z for b in y for c in x]
        classes = self.settings["classes"]
        sums = torch.zeros(2, classes, *padded.shape, device=self.device)
        total = torch.zeros(padded.shape, device=self.device)
        # inference_mode is for tensors that no graph holds; a captured step holds the parameters.
        with self.averaged(), torch.no_grad(), self.autocast():
            for first in range(0, len(boxes), TILES):
                group = boxes[first : first + TILES]
                tiles = torch.stack([padded[box] for box in group])[:, None]
                answers = self.network(tiles.contiguous(memory_format=self.memory_format))
                for index, box in enumerate(group):
                    for which in range(2):
                        sums[(which, slice(None), *box)] += answers[which][index].float() * weight
                    total[box] += weight
        sums = (sums / total)[(slice(None), slice(None), *(slice(0, n) for n in shape))]
        return sums.softmax(1).cpu().numpy(), sums.argmax(1).byte().cpu().numpy()


def main() -> None:
    match sys.argv[1:]:
        case "serve", folder, device, setting:
            folder = pathlib.Path(folder)
        case _:
            sys.exit(__doc__)
    torch.set_num_threads(1)
    settings = json.loads((folder / "settings.json").read_text())
    cases = read_cases(folder, settings)
    trainer = Trainer(settings, json.loads(setting), cases, torch.device(device))
    commands = {
        "train": trainer.train,
        "predict": lambda seconds: trainer.repeat(seconds, lambda: trainer.predict(cases[0].image)),
    }
    print("{}", flush=True)
    for line in sys.stdin:
        name, value = line.split()
        print(json.dumps(commands[name](float(value))), flush=True)


if __name__ == "__main__":
    main()
