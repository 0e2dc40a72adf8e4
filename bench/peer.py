"""The PyTorch/MONAI side of `./just bench`. Run by bench.py, which talks to it in lines.

    peer.py check EXPORT DATA PRECISION...   shows that network, loss, optimiser and data are ours
    peer.py serve EXPORT DATA SETTING        trains and predicts when told: `train SECONDS`, ...
    peer.py volumes DATA                     metrics and loading when told
    peer.py machine EXPORT SETTING           FLOPs of a step, this machine's ceiling, where time goes

EXPORT is what `bench_worker export` wrote, DATA a folder of `slicewise phantom`, SETTING JSON.
Each command is answered by one line of JSON: `{"count": work done, "seconds": it took}`.
"""

import json
import pathlib
import sys
import time

import numpy as np
import torch

import volumes
from network import count_flops
from training import Case, Crops, Setting, Trainer, class_weights, read_cases


def read_settings(export: pathlib.Path) -> dict:
    return json.loads((export / "settings.json").read_text())


def repeat(seconds: float, work) -> dict:
    """Does `work` again and again for so many seconds, at least once."""
    start = time.perf_counter()
    count = 0
    while True:
        work()
        count += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return {"count": count, "seconds": elapsed}


def answer(commands: dict) -> None:
    """Says that all is ready, then does what each line asks for until there are none."""
    print("{}", flush=True)
    for line in sys.stdin:
        name, value = line.split()
        print(json.dumps(commands[name](float(value))), flush=True)


def serve(export: pathlib.Path, data: pathlib.Path, setting: Setting) -> None:
    settings = read_settings(export)
    cases = read_cases(data, settings["margin_mm"], settings["spacing_mm"])
    annotated = [np.arange(len(case.image)) % settings["every"] == settings["every"] // 2 for case in cases]
    trainer = Trainer(settings, setting)
    crops = Crops(cases, annotated, settings["training"], seed=0)
    weights = class_weights(cases, annotated, trainer.classes, settings["training"]["class_weight_power"])

    def threads(count: float) -> dict:
        torch.set_num_threads(int(count))
        return {}

    answer(
        {
            "threads": threads,
            "train": lambda seconds: repeat(seconds, lambda: trainer.step(*crops.draw(), weights)),
            "predict": lambda seconds: repeat(seconds, lambda: trainer.predict(cases[0].image)),
        }
    )


def check(export: pathlib.Path, data: pathlib.Path, precisions: list[str]) -> None:
    """Same data, parameters and answer, same losses of the next steps, same answer after them."""
    from safetensors.numpy import load_file

    settings = read_settings(export)
    first, ours = read_cases(data, settings["margin_mm"], settings["spacing_mm"])[0], settings["first_case"]
    theirs = {"shape": list(first.image.shape), "labels": int(first.labels.sum(dtype=np.int64))}
    assert theirs == {name: ours[name] for name in theirs}, f"the first case is {theirs}, ours {ours}"
    total = np.abs(first.image.astype(np.float64)).sum()
    assert abs(total / ours["sum"] - 1) < 1e-5, f"intensities of the first case sum to {total}, ours to {ours['sum']}"
    shape = settings["shape"]
    read = lambda name, kind: np.fromfile(export / name, kind)
    case = Case(read("image.f32", np.float32).reshape(shape), read("labels.u8", np.uint8).reshape(shape))
    slices = np.array(settings["annotated"])
    start = {name: torch.from_numpy(tensor) for name, tensor in load_file(export / "start.safetensors").items()}
    ours = read("probabilities.f32", np.float32).reshape(-1, *shape)
    our_attention = read("attention.f32", np.float32).reshape(-1, *shape)
    ours_after = read("after.f32", np.float32).reshape(-1, *shape)
    settings_of = {
        "float32": [(Setting(), 1e-3)],
        "bfloat16": [(Setting("bfloat16", "channels-last", "group", expert=True), 0.05)],
    }
    print(f"  PyTorch {torch.__version__}, its loops for {torch.backends.cpu.get_cpu_capability()}", flush=True)
    for setting, tolerance in [pair for precision in precisions for pair in settings_of[precision]]:
        trainer = Trainer(settings, setting)
        parameters = sum(parameter.numel() for parameter in trainer.network.parameters())
        assert parameters == settings["parameters"], f"{parameters} parameters, ours {settings['parameters']}"
        trainer.load(start)
        output = trainer.predict(case.image)
        answer_off = np.abs(output["probabilities"] - ours).max()
        attention_off = np.abs(output["attention"] - our_attention).max()
        crops = Crops([case], [slices], settings["training"], seed=0)
        weights = class_weights([case], [slices], trainer.classes, settings["training"]["class_weight_power"])
        losses = [trainer.step(*crops.draw(), weights) for _ in settings["losses"]]
        loss_off = max(abs(a / b - 1) for a, b in zip(losses, settings["losses"]))
        # The mean: AdamW blows up the rounding of gradients that should be zero, such as those of biases
        # before a normalisation.
        after_off = np.abs(trainer.predict(case.image)["probabilities"] - ours_after).mean()
        print(
            f"  {setting.precision}, {setting.memory_format}: {parameters} parameters as ours; largest difference"
            f" of probabilities {answer_off:.1e}, of the attention map {attention_off:.1e}, of the losses of"
            f" {len(losses)} further steps {loss_off:.1e}, mean difference of probabilities after them {after_off:.1e}",
            flush=True,
        )
        for name, off in [("probabilities", answer_off), ("attention", attention_off), ("losses", loss_off), ("probabilities after", after_off)]:
            assert off <= tolerance, f"{setting}: {name} differ by {off:.2e}, expected at most {tolerance}"


def machine(export: pathlib.Path, setting: Setting) -> None:
    """The ceiling and the counted work, one thread; then where the step of `setting` spends time."""
    torch.set_num_threads(1)
    settings = read_settings(export)

    def multiply(kind: torch.dtype):
        a, b = (torch.randn(2048, 2048).to(kind) for _ in range(2))

        def rate(seconds: float) -> dict:
            done = repeat(seconds, lambda: torch.mm(a, b))
            return {"count": 2 * 2048**3 * done["count"], "seconds": done["seconds"]}

        return rate

    training = settings["training"]
    rows = count_flops(Trainer(settings, Setting()).network, (training["batch"], 1, *training["crop"]))
    crop = training["crop"]
    case = Case(np.random.default_rng(0).normal(size=crop).astype(np.float32), np.zeros(crop, np.uint8))
    slices = np.ones(crop[0], bool)
    trainer = Trainer(settings, setting)
    crops = Crops([case], [slices], training, seed=0)
    weights = class_weights([case], [slices], trainer.classes, 0.5)
    step = lambda: trainer.step(*crops.draw(), weights)
    for _ in range(3):
        step()

    def profile(steps: float) -> dict:
        from torch.profiler import ProfilerActivity

        with torch.profiler.profile(activities=[ProfilerActivity.CPU]) as profiler:
            for _ in range(int(steps)):
                step()
        table = {event.key: event.self_cpu_time_total / 1e6 / steps for event in profiler.key_averages()}
        return {"operations": dict(sorted(table.items(), key=lambda item: -item[1]))}

    products = {name: multiply(kind) for name, kind in (("float32", torch.float32), ("bfloat16", torch.bfloat16))}
    answer(products | {"flops": lambda _: {"rows": rows}, "profile": profile})


def main() -> None:
    kind, folder, *rest = sys.argv[1:]
    folder = pathlib.Path(folder)
    match kind, rest:
        case "check", [data, *precisions]:
            check(folder, pathlib.Path(data), precisions)
        case "serve", [data, setting]:
            serve(folder, pathlib.Path(data), Setting(**json.loads(setting)))
        case "volumes", []:
            answer(volumes.commands(folder, repeat))
        case "machine", [setting]:
            machine(folder, Setting(**json.loads(setting)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
