"""Ours against PyTorch, eager, compiled and as a graph, on a GPU: steps and volumes a second.

    gpu.py --device cuda:0 --out FOLDER [--seconds 4] [--budget 240] [--processes 1 8 16]

Run by `scripts/gpu.sh device`, which carries the programs here; CARGO_TARGET_DIR says where they are.
One process first: the peer's memory formats and norms eagerly, then on the fastest of them torch.compile in three
modes and a step captured by hand. What does not start in time, or fails, is a line that says so. Then
ours, the fastest peer and the eager one in more processes side by side. Writes gpu.csv and gpu.md.
With `--device cpu` all that can be run is run, for a dry run: such figures mean nothing.
"""

import argparse
import contextlib
import csv
import json
import os
import pathlib
import subprocess
import sys
import time

from workers import CACHE, ROOT, SCRATCH, WORKER, Team, Worker, as_a_run

EAGER = [
    {"memory_format": memory_format, "norm": norm, "mode": "eager"}
    for memory_format in ("channels-last", "contiguous")
    for norm in ("instance", "group")
]
MODES = ["graph", "default", "reduce-overhead", "max-autotune"]
CASES = SCRATCH / "gpu-cases"


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def words(setting: dict) -> str:
    mode = {"eager": "eager", "graph": "whole step as a CUDA graph"}.get(setting["mode"], f"torch.compile {setting['mode']}")
    return f"PyTorch, {setting['memory_format']}, {setting['norm']} norm, {mode}"


class Bench:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.end = time.monotonic() + options.budget
        self.rows, self.left_out = [], []

    def left(self) -> float:
        return self.end - time.monotonic()

    def ours(self, index: int = 0) -> Worker:
        preload = os.environ.get("SLICEWISE_GPU_PRELOAD")
        extra = as_a_run() | ({"LD_PRELOAD": preload} if preload else {})
        return Worker(f"gpu ours {index}", [WORKER, "serve", CACHE, self.options.device], extra)

    def peer(self, setting: dict, index: int = 0) -> Worker:
        # Not .libtorch, which on a machine without a GPU is no whole PyTorch.
        path = ":".join(filter(None, [str(ROOT / "bench"), os.environ.get("PYTHONPATH", "")]))
        command = [sys.executable, ROOT / "bench/gpu_peer.py", "serve", CASES, self.options.device, json.dumps(setting)]
        return Worker(f"gpu peer {setting['mode']} {index}", command, {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"})

    @contextlib.contextmanager
    def team(self, name: str, start, count: int, patience: float):
        """So many warm workers; what goes wrong becomes a line, and the rest goes on."""
        workers = []
        try:
            if self.left() < 3 * self.options.seconds:
                raise RuntimeError("no time left")
            say(f"{name}, {count} process(es)")
            patience = min(patience, self.left())
            workers = [start(index) for index in range(count)]
            for worker in workers:
                worker.receive(patience)
            for worker in workers:
                worker.send("train", 0.5)
            for worker in workers:
                worker.receive(min(patience, max(self.left(), 1)))
            yield Team(*workers)
        except (RuntimeError, ValueError) as error:
            self.left_out.append(f"{name}, {count} process(es): {error}")
            say(f"LEFT OUT: {self.left_out[-1]}")
        finally:
            for worker in workers:
                worker.close()

    def measure(self, name: str, start, count: int, words=("train", "predict"), patience: float = 90) -> float:
        """Steps a second, 0 where it could not be measured."""
        rates = {}
        with self.team(name, start, count, patience) as team:
            for word in words:
                rates[word] = team.rate(word, self.options.seconds)
                unit = {"train": "steps/s", "predict": "volumes/s"}[word]
                self.rows.append([name, count, word, f"{rates[word]:.4g}", unit])
                say(f"  {word}: {rates[word]:.4g} {unit}")
        return rates.get("train", 0)

    def run(self) -> None:
        torch = subprocess.run([sys.executable, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True)
        version = torch.stdout.strip() if torch.returncode == 0 else None
        if version is None:
            self.left_out.append(f"every peer: {sys.executable} cannot import torch")
            say(f"LEFT OUT: {self.left_out[-1]}")
        first, *more = self.options.processes
        ours = lambda index: self.ours(index)
        self.measure("ours", ours, first)
        peers = {}
        if version:
            candidates = EAGER if self.options.device != "cpu" else EAGER[:1]
            for setting in candidates:
                setting = dict(setting)
                words_of = words(setting)
                peers[words_of] = (self.measure(words_of, lambda i, s=setting: self.peer(s, i), first), setting)
            fastest = max(peers.values(), key=lambda pair: pair[0])[1]
            for mode in MODES if self.options.device != "cpu" else []:
                setting = fastest | {"mode": mode}
                rate = self.measure(words(setting), lambda i, s=setting: self.peer(s, i), first, ("train",), 75)
                peers[words(setting)] = (rate, setting)
        ranked = sorted((pair for pair in peers.items() if pair[1][0] > 0), key=lambda pair: -pair[1][0])
        for count in more:
            self.measure("ours", ours, count)
            for name, (_, setting) in ranked[:1] + [p for p in ranked[1:] if p[1][1]["mode"] == "eager"][:1]:
                self.measure(name, lambda i, s=setting: self.peer(s, i), count, ("train",))
        self.write(version)

    def write(self, torch: str | None) -> None:
        out = self.options.out
        out.mkdir(parents=True, exist_ok=True)
        head = ["what", "processes", "work", "a_second", "unit"]
        with open(out / "gpu.csv", "w", newline="") as file:
            csv.writer(file).writerows([head, *self.rows])
        mps = "with MPS" if os.environ.get("CUDA_MPS_PIPE_DIRECTORY") else "without MPS"
        lines = [
            f"# Ours and PyTorch on `{self.options.device}`",
            "",
            f"{gpu_name()}; PyTorch {torch or 'not there'}; several processes {mps}; {self.options.seconds:g} s a row,"
            " one run, in order, not by turns.",
            *(["", "**A dry run on a CPU: these figures say nothing.**"] if self.options.device == "cpu" else []),
            "",
            f"| {' | '.join(head)} |",
            "|---|---:|---|---:|---|",
            *(f"| {' | '.join(map(str, row))} |" for row in self.rows),
            *(["", "Left out:", ""] + [f"- {line}" for line in self.left_out] if self.left_out else []),
        ]
        (out / "gpu.md").write_text("\n".join(lines) + "\n")
        say(f"wrote {out / 'gpu.csv'} and gpu.md")


def gpu_name() -> str:
    ask = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    with contextlib.suppress(OSError):
        done = subprocess.run(ask, capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip().splitlines()[0]
    return "no NVIDIA driver"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--budget", type=float, default=240)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 8, 16])
    bench = Bench(parser.parse_args())
    subprocess.run([WORKER, "cases", CACHE, CASES], check=True)
    bench.run()
    if not any(row[0] == "ours" for row in bench.rows):
        sys.exit("gpu.py: expected rows of ours, got none; see the lines LEFT OUT above")


if __name__ == "__main__":
    main()
