"""Processes that stay warm and work when told, ours and the peer's."""

import functools
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
PROGRAM = TARGET / "release/slicewise"
WORKER = TARGET / "release/examples/bench_worker"
SCRATCH = TARGET / "bench"
CACHE = SCRATCH / "cache"
# Git ignores the first; `--keep` copies what a whole run wrote there to the second, which docs/speed.md quotes.
LOCAL, KEPT = ROOT / "results/bench-local", ROOT / "results/bench"
# A peer with defaults is left alone.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@functools.cache
def as_a_run() -> dict:
    """What a sweep sets for a run of one thread: thread counts, and how the allocator works."""
    return json.loads(subprocess.run([WORKER, "environment"], check=True, text=True, capture_output=True).stdout)


@functools.cache
def packages() -> list[str]:
    """Where python3 finds what the peer needs. PyTorch is in .tools/bench, else in .libtorch if that
    can be imported (of libtorch without CUDA it cannot), else python's own."""
    fetched, libtorch = ROOT / ".tools/bench", ROOT / ".libtorch"
    paths = [str(fetched)]
    if not (fetched / "torch").exists():
        trial = [sys.executable, "-c", "import torch"]
        if subprocess.run(trial, env=os.environ | {"PYTHONPATH": str(libtorch)}, cwd=ROOT, capture_output=True).returncode == 0:
            paths.append(str(libtorch))
    return [*paths, *filter(None, [os.environ.get("PYTHONPATH")])]


# Of the caller, not of the bench: these it sets itself.
OURS_TO_SET = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "GLIBC_TUNABLES",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
    "MKL_ENABLE_INSTRUCTIONS",
)


def environment(extra: dict | None = None) -> dict:
    extra = extra or {}
    kept = {name: value for name, value in os.environ.items() if name not in OURS_TO_SET}
    # Compiled for one instruction set each.
    inductor = SCRATCH / "inductor" / extra.get("ONEDNN_MAX_CPU_ISA", "native").lower()
    cache = {"TORCHINDUCTOR_CACHE_DIR": str(inductor), "PYTHONWARNINGS": "ignore"}
    return kept | {"PYTHONPATH": ":".join(packages())} | cache | extra


def keep(names: list[str]) -> None:
    """Copies from LOCAL to KEPT what of these is there; the tables in the documents follow."""
    for name in names:
        if (LOCAL / name).exists():
            shutil.copy(LOCAL / name, KEPT / name)
    subprocess.run([ROOT / "scripts/embed.sh"], cwd=ROOT, check=True)


def made_by(command: str) -> str:
    """Command, commit, day and machine, for the head of a table."""
    ask = lambda *words: subprocess.run(words, cwd=ROOT, text=True, capture_output=True).stdout.strip()
    commit = ask("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    changed = ", changed since" if ask("git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!results", ":!*.md") else ""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"`{command}`, commit {commit}{changed}, {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores of {cpu[1] if cpu else 'a CPU'}"


def peer_command(*arguments) -> list[str]:
    return [sys.executable, str(ROOT / "bench/peer.py"), *map(str, arguments)]


def run(command: list, extra: dict | None = None) -> None:
    """Runs a command to its end; its output is shown if it fails."""
    done = subprocess.run(list(map(str, command)), env=environment(extra), cwd=ROOT, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


class Worker:
    """A process that answers `WORD SECONDS` with a line of JSON."""

    def __init__(self, name: str, command: list, extra: dict | None = None):
        self.name = name
        SCRATCH.mkdir(parents=True, exist_ok=True)
        self.log = open(SCRATCH / f"{name.replace(' ', '-').replace(',', '')}.log", "w")
        self.process = subprocess.Popen(
            list(map(str, command)),
            env=environment(extra),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def send(self, word: str, seconds: float) -> None:
        try:
            print(word, seconds, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # The answer will say so.

    def receive(self, patience: float | None = None) -> dict:
        """The next answer; with `patience`, waits no longer than so many seconds for it."""
        # A line an answer, so nothing is left in the buffer when this waits for the next.
        if not select.select([self.process.stdout], [], [], patience)[0]:
            raise RuntimeError(f"no answer in {patience:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()}; see {self.log.name}")
        return json.loads(line)

    def ask(self, word: str, seconds: float = 0) -> dict:
        self.send(word, seconds)
        return self.receive()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


class Team:
    """One worker, or several side by side."""

    def __init__(self, *workers: Worker):
        self.workers = workers

    def rate(self, word: str, seconds: float) -> float:
        """Work a second, all workers together."""
        for worker in self.workers:
            worker.send(word, seconds)
        answers = [worker.receive() for worker in self.workers]
        return sum(answer["count"] / answer["seconds"] for answer in answers)
