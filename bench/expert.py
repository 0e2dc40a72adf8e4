"""What an expert with PyTorch and MONAI does at once: `expert.py DATA JSON`, evaluated along the way.

DATA is a folder that `bench_worker quality` wrote: the volumes as our program prepares them. JSON
names the network, the recipe and how they are computed (`DEFAULTS`). Each evaluation is a line of
JSON: steps, seconds of training alone, mean Dice of the unseen volumes.

Recipes, all with MONAI's DiceCELoss and crops half of which are centred on foreground
(RandCropByPosNegLabel), mirrored along all axes, intensities scaled and shifted:

    one-cycle    AdamW, rate 0 → `rate` → 0 (Smith and Topin 2018, torch's OneCycleLR)
    nnu-net      SGD, Nesterov momentum 0.99, rate 0.01·(1 − step/steps)^0.9, gradient clip 12
                 (Isensee et al. 2021)

Networks: `monai` is MONAI's UNet as its tutorials set it up, `ours` our attention U-Net
(network.py), whose attention map has a loss of its own.
"""

import json
import pathlib
import sys
import time

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from monai.transforms import Compose, RandCropByPosNegLabeld, RandFlipd, RandScaleIntensityd, RandShiftIntensityd, SpatialPadd
from monai.utils import set_determinism

from network import AttentionUNet
from training import Setting

DEFAULTS = {
    "network": "monai",
    "recipe": "one-cycle",
    "rate": 0.003,
    "batch": 2,
    "crop": [32, 64, 48],
    "steps": 320,
    "every": 20,
    "target": 1.0,
    "seed": 1,
    "threads": 1,
    "setting": {},
}


def read(folder: pathlib.Path) -> tuple[list[dict], list[dict], int]:
    """Part A, Part B (images float32, labels uint8, `[1, D, H, W]`), and the number of classes."""
    about = json.loads((folder / "cases.json").read_text())
    parts = {"A": [], "B": []}
    for case in about["cases"]:
        volume = lambda kind, dtype: np.fromfile(folder / f"{case['id']}.{kind}", dtype).reshape(1, *case["shape"])
        parts[case["part"]].append({"image": torch.from_numpy(volume("f32", "<f4")), "label": torch.from_numpy(volume("u8", "u1"))})
    return parts["A"], parts["B"], about["classes"]


def network(name: str, classes: int, setting: Setting) -> torch.nn.Module:
    if name == "ours":
        return AttentionUNet(classes, norm=setting.norm)
    return UNet(3, 1, classes, channels=(16, 32, 64, 128), strides=(2, 2, 2), num_res_units=2, norm="INSTANCE")


def mean_dice(found: torch.Tensor, truth: torch.Tensor, classes: int) -> float:
    """Mean over foreground classes of a volume."""
    dice = []
    for c in range(1, classes):
        a, b = found == c, truth == c
        if size := int(a.sum() + b.sum()):
            dice.append(2 * int((a & b).sum()) / size)
    return float(np.mean(dice))


def main() -> None:
    folder, want = pathlib.Path(sys.argv[1]), DEFAULTS | json.loads(sys.argv[2])
    torch.set_num_threads(want["threads"])
    set_determinism(want["seed"])
    setting = Setting(**want["setting"])
    part_a, part_b, classes = read(folder)
    crop = [min(n, -(-max(case["image"].shape[1 + axis] for case in part_a) // 8) * 8) for axis, n in enumerate(want["crop"])]
    both = ["image", "label"]
    augment = Compose(
        [
            SpatialPadd(both, crop),
            RandCropByPosNegLabeld(both, "label", crop, pos=1, neg=1, num_samples=1),
            *(RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)),
            RandScaleIntensityd("image", factors=0.1, prob=0.5),
            RandShiftIntensityd("image", offsets=0.1, prob=0.5),
        ]
    )
    model = network(want["network"], classes, setting).to(memory_format=setting.torch_format)
    loss_of = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
    cross_entropy = torch.nn.CrossEntropyLoss()
    rate, steps = want["rate"], want["steps"]
    if want["recipe"] == "nnu-net":
        optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.99, nesterov=True, weight_decay=3e-5)
        schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, steps, 0.9)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-4, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    generator = np.random.default_rng(want["seed"])
    seconds = 0.0
    for step in range(1, steps + 1):
        start = time.perf_counter()
        crops = [augment(part_a[generator.integers(len(part_a))])[0] for _ in range(want["batch"])]
        images = torch.stack([c["image"].as_tensor() for c in crops]).contiguous(memory_format=setting.torch_format)
        labels = torch.stack([c["label"].as_tensor() for c in crops]).long()
        with setting.autocast():
            output = model(images)
        maps, logits = output if isinstance(output, tuple) else (output, None)
        loss = loss_of(maps.float(), labels)
        if logits is not None:
            loss = loss + cross_entropy(logits, labels[:, 0])
        optimizer.zero_grad()
        loss.backward()
        if want["recipe"] == "nnu-net":
            torch.nn.utils.clip_grad_norm_(model.parameters(), 12)
        optimizer.step()
        schedule.step()
        seconds += time.perf_counter() - start
        if step % want["every"] and step < steps:
            continue

        def answer(tiles):
            with setting.autocast():
                output = model(tiles.contiguous(memory_format=setting.torch_format))
            return (output[0] if isinstance(output, tuple) else output).float()

        model.eval()
        with torch.inference_mode():
            dice = []
            for case in part_b:
                image = case["image"][None]
                short = [-n % 8 for n in image.shape[2:]]
                padded = torch.nn.functional.pad(image, (0, short[2], 0, short[1], 0, short[0]), mode="replicate")
                maps = sliding_window_inference(padded, [min(*pair) for pair in zip(crop, padded.shape[2:])], 2, answer, overlap=0.5, mode="gaussian")
                _, d, h, w = case["label"].shape
                dice.append(mean_dice(maps[0, :, :d, :h, :w].argmax(0), case["label"][0], classes))
        model.train()
        print(json.dumps({"steps": step, "seconds": round(seconds, 3), "dice": float(np.mean(dice))}), flush=True)
        if np.mean(dice) >= want["target"]:
            break


if __name__ == "__main__":
    main()
