"""`./just bench`: ours and the peers by turns, a table of ratios, results/bench/.

Every row is measured in rounds: ours, peer, ours, peer, ... of some seconds each, in processes that
are warm. A ratio is taken within a round, so that what else the machine does falls on both; the row
gives the median of the rounds and, as spread, the lowest and the highest. A ratio above 1 means
that ours is faster. See bench/README.md.
"""

import argparse
import csv
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import sampling
from operations import step_table, work_done
from workers import CACHE, ONE_THREAD, PROGRAM, ROOT, SCRATCH, WORKER, Team, Worker, as_a_cell, environment, made_by, peer_command, run

WHOLE = ROOT / "results/bench"
EXPORT, DATA, FINE = (SCRATCH / name for name in ("export", "phantoms", "phantom-1mm"))
PARTS = ["network", "volumes", "sweep", "report"]
DEFAULTS = {}
CEILING = "a bf16 matrix product"
# torch.compile takes longer than this on a slow machine; what it has made is kept for the next call.
COMPILE_SECONDS = 240
# What an expert would try; the fastest on this machine is taken.
CANDIDATES = [
    {"precision": "bfloat16", "layout": "channels-last", "norm": "group"},
    {"precision": "bfloat16", "layout": "channels-last", "norm": "instance"},
    {"precision": "bfloat16", "layout": "contiguous", "norm": "instance"},
    {"precision": "bfloat16", "layout": "channels-last", "norm": "instance", "compile": True},
]


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def words(setting: dict) -> str:
    compiled = ", compiled" if setting.get("compile") else ""
    return f"{setting.get('precision', 'float32')}, {setting.get('layout', 'contiguous')}, {setting.get('norm', 'instance')} norm{compiled}"


@dataclasses.dataclass
class Row:
    name: str
    ours: float
    peer: float
    ratios: list[float]
    unit: str

    def fields(self) -> list:
        ratio = statistics.median(self.ratios)
        return [self.name, *(f"{x:.4g}" for x in (self.ours, self.peer, ratio, min(self.ratios), max(self.ratios))), self.unit]


def table(rows: list[list], made_by: str) -> str:
    """Rows of bench.csv in Markdown."""
    lines = [
        f"{made_by}. Medians of rounds of ours and peer by turns; the ratio's lowest and highest in brackets."
        " Above 1, ours is faster; of FLOP/s it is the share reached.",
        "",
        "| what | ours | peer | unit | ratio |",
        "|---|---:|---:|---|---:|",
    ]
    for name, ours, peer, *ratio, unit in rows:
        ratio = [f"{float(value):.3g}" for value in ratio]
        lines.append(f"| {name} | {ours} | {peer} | {unit} | {ratio[0]} ({ratio[1]} to {ratio[2]}) |")
    return "\n".join(lines) + "\n"


class Bench:
    def __init__(self, arguments):
        self.pairs, self.seconds, self.sweeps = arguments.pairs, arguments.seconds, arguments.sweeps
        # A part alone leaves the rows of a whole run alone.
        self.out = SCRATCH / f"only-{arguments.only}" if arguments.only else WHOLE
        self.made_by = made_by("./just bench")
        self.rows: list[Row] = []
        self.workers: list[Worker] = []

    def worker(self, name: str, command: list, extra: dict | None = None) -> Worker:
        worker = Worker(name, command, extra)
        self.workers.append(worker)
        return worker

    def ours(self, name: str) -> Worker:
        return self.worker(name, [WORKER, "serve", CACHE], as_a_cell())

    def peer(self, name: str, setting: dict, extra: dict | None = None) -> Worker:
        return self.worker(name, peer_command("serve", EXPORT, DATA, json.dumps(setting)), extra)

    def close(self, *workers: Worker) -> None:
        for worker in workers:
            worker.close()
            self.workers.remove(worker)

    def warm(self, *workers: Worker, patience: float | None = None) -> None:
        """Waits until they are ready and takes the first steps, which nobody times."""
        for worker in workers:
            worker.receive()
        for worker in workers:
            worker.send("train", 1)
        for worker in workers:
            worker.receive(patience)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        say("  {0}: ours {1}, peer {2} {6}; ratio {3} ({4} to {5})".format(*row.fields()))
        self.out.mkdir(parents=True, exist_ok=True)
        fields = [row.fields() for row in self.rows]
        with open(self.out / "bench.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["name", "ours", "peer", "ratio", "ratio_low", "ratio_high", "unit"])
            writer.writerows(fields)
        (self.out / "bench.md").write_text(table(fields, self.made_by))

    def alternate(self, ours: Team, peers: dict[str, Team], word: str, unit: str, peer_word: str | None = None) -> list[Row]:
        """A row a peer: ours and each of them by turns."""
        say(f"{word}: ours against " + ", ".join(peers))
        rates = [
            (ours.rate(word, self.seconds), *(peer.rate(peer_word or word, self.seconds) for peer in peers.values()))
            for _ in range(self.pairs)
        ]
        own = [rate[0] for rate in rates]
        for index, name in enumerate(peers, 1):
            theirs = [rate[index] for rate in rates]
            ratios = [a / b for a, b in zip(own, theirs)]
            self.add(Row(name, statistics.median(own), statistics.median(theirs), ratios, unit))
        return self.rows[-len(peers) :]

    def rate_of(self, setting: dict, extra: dict, processes: int) -> float:
        """Steps a second of the peer with a setting, all processes together."""
        workers = []
        try:
            # The first to compile fills the cache for the others.
            for index in range(processes):
                workers.append(self.peer(f"tuning {index}", setting, extra))
                self.warm(workers[-1], patience=COMPILE_SECONDS)
            return Team(*workers).rate("train", self.seconds)
        finally:
            self.close(*workers)

    def tune(self) -> tuple[dict, dict, int]:
        """The peer's fastest setting, its environment, and how many processes side by side."""
        cores = str(os.cpu_count())
        say(f"tuning PyTorch: {len(CANDIDATES)} settings as two one-thread processes")
        setting, rate = CANDIDATES[0], 0.0
        for candidate in CANDIDATES:
            try:
                reached = self.rate_of(candidate, ONE_THREAD, 2)
            except RuntimeError as error:
                say(f"  {words(candidate)}: not possible here ({error})")
                continue
            say(f"  {words(candidate)}: {reached:.2f} steps/s")
            if reached > rate:
                setting, rate = candidate, reached
        best = setting, ONE_THREAD, 2
        for name, extra, processes in (
            ("two such processes with our allocator's settings", as_a_cell(), 2),
            (f"one process of {cores} threads", {"OMP_NUM_THREADS": cores}, 1),
            (f"one of {cores} threads with our allocator's settings", as_a_cell() | {"OMP_NUM_THREADS": cores}, 1),
        ):
            reached = self.rate_of(setting, extra, processes)
            say(f"  the fastest as {name}: {reached:.2f} steps/s")
            if reached > rate:
                best, rate = (setting, extra, processes), reached
        return best

    def network(self) -> None:
        best, extra, count = self.tune()
        memory = ", our allocator's settings" if "GLIBC_TUNABLES" in extra else ""
        say(f"best: {words(best)}{memory}, " + ("two one-thread processes" if count == 2 else "one process"))
        ours = [self.ours(f"ours {i}") for i in range(2)]
        default = self.peer("defaults", DEFAULTS)
        tuned = [self.peer(f"tuned {i}", best, extra) for i in range(count)]
        self.warm(*ours, default, *tuned)
        self.alternate(
            Team(*ours),
            {"training sweep against PyTorch defaults": Team(default), "training sweep against best PyTorch": Team(*tuned)},
            "train",
            "steps/s",
        )
        for worker in (default, tuned[0]):
            worker.ask("threads", 1)
        machine = self.worker("machine", peer_command("machine", EXPORT, json.dumps(best)), extra | ONE_THREAD)
        machine.receive()
        machine.ask("multiply", 1)
        settings = json.loads((EXPORT / "settings.json").read_text())
        nominal = machine.ask("flops")["rows"]
        work = {"ours": work_done(nominal, settings), "best PyTorch": nominal}
        say("train, one thread: ours, PyTorch defaults, best PyTorch, a bf16 matrix product")
        own, plain, expert, ceiling = zip(
            *(
                (
                    Team(ours[0]).rate("train", self.seconds),
                    Team(default).rate("train", self.seconds),
                    Team(tuned[0]).rate("train", self.seconds),
                    Team(machine).rate("multiply", 1) / 1e9,
                )
                for _ in range(self.pairs)
            )
        )
        for name, theirs in (("one step on one thread against PyTorch defaults", plain), ("one step on one thread against best PyTorch", expert)):
            ratios = [a / b for a, b in zip(own, theirs)]
            self.add(Row(name, statistics.median(own), statistics.median(theirs), ratios, "steps/s"))
        for name, rates in (("ours", own), ("best PyTorch", expert)):
            flops = sum(amount for _, amount in work[name])
            reached = [rate * flops / 1e9 for rate in rates]
            shares = [a / b for a, b in zip(reached, ceiling)]
            self.add(Row(f"FLOP/s of the step of {name} against {CEILING}", statistics.median(reached), statistics.median(ceiling), shares, "GFLOP/s"))
        for worker in (ours[0], default, tuned[0]):
            worker.ask("predict")
        self.alternate(
            Team(ours[0]),
            {"prediction on one thread against PyTorch defaults": Team(default), "prediction on one thread against best PyTorch": Team(tuned[0])},
            "predict",
            "volumes/s",
        )
        try:
            samples = sampling.sample(ours[0], 3 * self.seconds)
        except RuntimeError as error:
            samples = str(error)
        self.close(*ours, default, *tuned)
        operations = machine.ask("profile", 10)["operations"]
        self.close(machine)
        shares = {
            row.name.removesuffix(f" against {CEILING}").removeprefix("FLOP/s of the step of "): statistics.median(row.ratios)
            for row in self.rows
            if row.name.endswith(CEILING)
        }
        text = step_table(settings, nominal, shares, samples, sampling.onednn(), operations, words(best))
        (self.out / "step.md").write_text(text)
        say(f"where a step's time goes: {self.out / 'step.md'}\n{text}")

    def volumes(self) -> None:
        ours = self.worker("ours volumes", [WORKER, "volumes", FINE])
        peer = self.worker("peer volumes", peer_command("volumes", FINE))
        ours.receive(), peer.receive()
        own, theirs = ours.ask("scores"), peer.ask("scores")
        for name, value in theirs.items():
            assert abs(own[name] - value) < 1e-9, f"{name}: ours {own[name]}, numpy {value}"
        own, theirs = ours.ask("voxels"), peer.ask("voxels")
        assert abs(own["sum"] / theirs["sum"] - 1) < 1e-9, f"voxels: ours {own}, nibabel {theirs}"
        say(f"volume of {'×'.join(map(str, own['shape']))}: same scores as numpy and MONAI, same voxels as nibabel")
        for name, word in (("slice-wise P R and Dice against numpy", "numpy"), ("slice-wise P R and Dice against MONAI", "monai")):
            self.alternate(Team(ours), {name: Team(peer)}, "metrics", "volumes/s", word)
        self.alternate(Team(ours), {".nii.gz load against nibabel": Team(peer)}, "load", "volumes/s")
        self.close(ours, peer)

    def sweep(self) -> None:
        say(f"a whole sweep, {self.sweeps} times: bench/sweep.yaml against bench/sweep.py")
        own, theirs = [], []
        for _ in range(self.sweeps):
            for folder in ("sweep-ours", "sweep-peer"):
                shutil.rmtree(SCRATCH / folder, ignore_errors=True)
            sweep = [PROGRAM, "sweep", ROOT / "bench/sweep.yaml", "--out", SCRATCH / "sweep-ours", "--cache", CACHE]
            script = [sys.executable, ROOT / "bench/sweep.py", EXPORT, DATA, SCRATCH / "sweep-peer"]
            own.append(timed(sweep))
            theirs.append(timed(script))
            say(f"  ours {own[-1]:.1f} s, peer {theirs[-1]:.1f} s")
        ratios = [b / a for a, b in zip(own, theirs)]
        self.add(Row("whole sweep against a PyTorch script", statistics.median(own), statistics.median(theirs), ratios, "s"))

    def report(self) -> None:
        folder, theirs = SCRATCH / "report", SCRATCH / "report-peer"
        shutil.rmtree(folder, ignore_errors=True)
        script = [sys.executable, ROOT / "bench/report.py"]
        run([*script, "repeat", ROOT / "results/table2-neonates", folder])
        say("report of 10,000 records, those of results/table2-neonates again and again: ours whole, the peer's a part")
        commands = [[PROGRAM, "report", folder], [*script, "write", folder, theirs]]
        rounds = []
        # In the first round the files come from the disk.
        for _ in range(self.pairs + 1):
            rounds.append([timed(command) for command in commands])
        own, peer = (read_rows(path / "table2.csv") for path in (folder / "tables", theirs))
        assert own.keys() == peer.keys() and all(
            abs(float(a) - float(b)) < 1e-6 for key in own for a, b in zip(own[key], peer[key], strict=True)
        ), f"Table 2 differs: {folder / 'tables'}, {theirs}"
        own, peer = zip(*rounds[1:])
        ratios = [b / a for a, b in zip(own, peer)]
        self.add(Row("report of 10000 records against a Python script", statistics.median(own), statistics.median(peer), ratios, "s"))
        shutil.rmtree(folder)


def read_rows(path: pathlib.Path) -> dict:
    """Task, part, strategy and ratio → the numbers."""
    with open(path, newline="") as file:
        return {tuple(row[:3]) + (float(row[3]),): row[4:] for row in list(csv.reader(file))[1:]}


def timed(command: list) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    run(command)
    return time.perf_counter() - start


def prepare() -> None:
    say("phantoms, weights and answers to compare")
    for folder, subjects, spacing in ((DATA, 4, 2.4), (FINE, 1, 1.0)):
        if not (folder / "manifest.csv").exists():
            run([PROGRAM, "phantom", folder, "--subjects", subjects, "--seed", 1, "--spacing-mm", spacing])
    run([WORKER, "export", CACHE, EXPORT])
    say("the peer's network, loss and optimiser against ours:")
    # Shown as it comes: this is what makes the rest a comparison.
    done = subprocess.run(peer_command("check", EXPORT, DATA), env=environment(), cwd=ROOT)
    if done.returncode != 0:
        sys.exit("bench: the peer is not the same network; nothing was measured")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="rounds of each row [5]")
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement [4]")
    parser.add_argument("--sweeps", type=int, default=3, help="rounds of the whole sweep [3]")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    try:
        if arguments.only != "report":
            prepare()
        for part in PARTS:
            if arguments.only in (None, part):
                getattr(bench, part)()
    except KeyboardInterrupt:
        say(f"stopped; what was measured is in {bench.out}")
    finally:
        for worker in bench.workers:
            worker.close()
    header = ["name", "ours", "peer", "ratio", "low", "high", "unit"]
    table = [header, *(row.fields() for row in bench.rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(header))]
    print("\n" + "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in table))


if __name__ == "__main__":
    main()
