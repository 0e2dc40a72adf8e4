"""`./just bench`: ours and the peers by turns, a table of ratios for each instruction set.

Every row is measured in rounds: ours, peer, ours, peer, ... of some seconds each, in processes that
are warm. A ratio is taken within a round, so that what else the machine does falls on both; the row
gives the median of the rounds and, as spread, the lowest and the highest. A ratio above 1 means
that ours is faster. Rows go to results/bench-local/, with --keep to results/bench/ as well. See
bench/README.md.
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

import instructions
import sampling
import tuning
from instructions import InstructionSet
from operations import step_table, work_done
from tuning import Place
from workers import CACHE, LOCAL, ONE_THREAD, PROGRAM, ROOT, SCRATCH, WORKER, Team, Worker, as_a_run, environment, keep, made_by, peer_command, run

DATA, FINE = (SCRATCH / name for name in ("phantoms", "phantom-1mm"))
PARTS = ["network", "volumes", "sweep", "report"]
DEFAULTS = {}
# Seconds that a candidate of the search is measured, training and predicting.
TRIAL_SECONDS, TRIAL_PREDICTION_SECONDS = 2, 1
# A candidate whose first step takes longer, and is far from the best, is not measured further.
HOPELESS_SECONDS = 4
HEADER = ["instruction_set", "name", "ours", "peer", "ratio", "ratio_low", "ratio_high", "unit"]


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Progress:
    """Says what begins and about how long the rest takes: what was expected of it, times how
    much longer than expected the parts took that are done."""

    def __init__(self, plan: list[tuple[str, float]]):
        self.plan, self.done, self.start = plan, 0, time.monotonic()

    def begin(self, name: str) -> None:
        index = next(i for i, part in enumerate(self.plan) if part[0] == name)
        expected = sum(seconds for _, seconds in self.plan[:index])
        slower = min(max((time.monotonic() - self.start) / expected, 0.5), 3) if expected else 1
        left = slower * sum(seconds for _, seconds in self.plan[index:]) / 60
        say(f"[{index + 1} of {len(self.plan)}] {name}; about {max(round(left), 1)} min left")


@dataclasses.dataclass
class Row:
    instruction_set: str
    name: str
    ours: float
    peer: float
    ratios: list[float]
    unit: str
    # What the table that it stands in says above.
    heading: str

    def fields(self) -> list:
        ratio = statistics.median(self.ratios)
        numbers = (self.ours, self.peer, ratio, min(self.ratios), max(self.ratios))
        return [self.instruction_set, self.name, *(f"{x:.4g}" for x in numbers), self.unit]


def tables(rows: list[Row], made_by: str) -> str:
    """Rows of bench.csv in Markdown, a table for each heading."""
    lines = [
        f"{made_by}. Medians of rounds of ours and peer by turns; the ratio's lowest and highest in brackets."
        " Above 1, ours is faster; of FLOP/s it is the share reached.",
    ]
    for heading in dict.fromkeys(row.heading for row in rows):
        lines += ["", heading, "", "| what | ours | peer | unit | ratio |", "|---|---:|---:|---|---:|"]
        for row in rows:
            if row.heading == heading:
                _, name, ours, peer, *ratio, unit = row.fields()
                ratio = [f"{float(value):.3g}" for value in ratio]
                lines.append(f"| {name} | {ours} | {peer} | {unit} | {ratio[0]} ({ratio[1]} to {ratio[2]}) |")
    return "\n".join(lines) + "\n"


def ceiling(precision: str) -> str:
    return f"a {precision} matrix product"


def exported(instruction_set: InstructionSet) -> pathlib.Path:
    """What ours wrote for the peer to compare with, computed with this instruction set."""
    return SCRATCH / f"export-{instruction_set.key}"


class Bench:
    def __init__(self, arguments):
        self.pairs, self.seconds, self.sweeps = arguments.pairs, arguments.seconds, arguments.sweeps
        self.sets = instructions.chosen(arguments.sets)
        self.native = instructions.sets()["native"]
        # On these the peer is shown to be the same network; what compares no network needs none.
        self.compared = {None: self.sets, "network": self.sets, "sweep": self.sets[:1]}.get(arguments.only, [])
        # A part alone leaves the rows of a whole run alone.
        self.out = SCRATCH / f"only-{arguments.only}" if arguments.only else LOCAL
        self.made_by = made_by("./just bench")
        self.rows: list[Row] = []
        self.workers: list[Worker] = []
        self.on(self.native, f"**Volumes, whole sweep and report**, {self.native.name}.")
        self.progress = Progress(self.plan(arguments.only))

    def plan(self, only: str | None) -> list[tuple[str, float]]:
        """Every part and the seconds it takes on two cores like those of results/bench."""
        rounds = self.pairs * self.seconds
        plan = []
        if only != "report":
            plan += [("phantoms", 10)]
            plan += [(f"{each.name}: the same network?", 25) for each in self.compared]
        if only in (None, "network"):
            for each in self.sets:
                plan += [(f"{each.name}: the best PyTorch", 170), (f"{each.name}: training and prediction", 40 + 9 * rounds)]
        plan += [("volumes", 10 + 6 * rounds), ("sweep", 50 * self.sweeps), ("report", 8 * (self.pairs + 1))]
        return [part for part in plan if part[0] not in PARTS or only in (None, part[0])]

    def on(self, instruction_set: InstructionSet, heading: str) -> None:
        """What follows is measured with this instruction set."""
        self.set, self.heading = instruction_set, heading

    def worker(self, name: str, command: list, extra: dict | None = None) -> Worker:
        worker = Worker(name, command, self.set.held | (extra or {}))
        self.workers.append(worker)
        return worker

    def ours(self, name: str) -> Worker:
        return self.worker(name, [WORKER, "serve", CACHE], as_a_run())

    def peer(self, name: str, setting: dict, extra: dict | None = None) -> Worker:
        return self.worker(name, peer_command("serve", exported(self.set), DATA, json.dumps(setting)), extra)

    def peers(self, name: str, setting: dict, place: Place) -> list[Worker]:
        extra = as_a_run() if place.our_allocator else {}
        threads = {"OMP_NUM_THREADS": str(place.threads)}
        return [self.peer(f"{name} {index}", setting, extra | threads) for index in range(place.processes)]

    def close(self, *workers: Worker) -> None:
        for worker in workers:
            worker.close()
            self.workers.remove(worker)

    def warm(self, *workers: Worker) -> None:
        """Waits until they are ready and takes the first steps, whose time does not count."""
        for worker in workers:
            worker.receive()
        self.work_once(workers, "train", None, by_turns=False)

    def work_once(self, workers: list[Worker], word: str, patience: float | None, by_turns: bool) -> float:
        """Seconds that it takes the slowest. By turns where the first to compile fills the cache for
        the others."""
        slowest = 0.0
        for some in [[worker] for worker in workers] if by_turns else [workers]:
            for worker in some:
                worker.send(word, 0)
            for worker in some:
                slowest = max(slowest, worker.receive(patience)["seconds"])
        return slowest

    def add(self, name: str, ours: list[float], peer: list[float], ratios: list[float], unit: str) -> None:
        row = Row(self.set.name, name, statistics.median(ours), statistics.median(peer), ratios, unit, self.heading)
        self.rows.append(row)
        say("  {1}: ours {2}, peer {3} {7}; ratio {4} ({5} to {6})".format(*row.fields()))
        self.out.mkdir(parents=True, exist_ok=True)
        with open(self.out / "bench.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows(row.fields() for row in self.rows)
        (self.out / "bench.md").write_text(tables(self.rows, self.made_by))

    def alternate(self, ours: Team, peers: dict[str, Team], word: str, unit: str, peer_word: str | None = None) -> None:
        """A row a peer: ours and each of them by turns."""
        say(f"{word}: ours against " + ", ".join(peers))
        rates = [
            (ours.rate(word, self.seconds), *(peer.rate(peer_word or word, self.seconds) for peer in peers.values()))
            for _ in range(self.pairs)
        ]
        own = [rate[0] for rate in rates]
        for index, name in enumerate(peers, 1):
            theirs = [rate[index] for rate in rates]
            self.add(name, own, theirs, [a / b for a, b in zip(own, theirs)], unit)

    def trial(self, setting: dict, place: Place, patience: float, floor: float) -> tuple[float, float]:
        """Steps a second of the peer with a setting, all processes together; volumes a second too
        where a thread has a process and its steps reach `floor`."""
        workers = self.peers("tuning", setting, place)
        try:
            for worker in workers:
                worker.receive()
            first = self.work_once(workers, "train", patience, by_turns="compile" in setting)
            if "compile" not in setting and first > HOPELESS_SECONDS and len(workers) / first < floor / 4:
                return len(workers) / first, 0.0
            team = Team(*workers)
            steps = team.rate("train", TRIAL_SECONDS)
            if place.threads > 1 or place.our_allocator or steps < floor:
                return steps, 0.0
            self.work_once(workers, "predict", patience, by_turns="compile" in setting)
            return steps, team.rate("predict", TRIAL_PREDICTION_SECONDS)
        finally:
            self.close(*workers)

    def network(self) -> None:
        for each in self.sets:
            self.on(each, "")
            self.progress.begin(f"{each.name}: the best PyTorch")
            best = tuning.search(self.trial, os.cpu_count(), say)
            say(f"best: {best.words()}")
            self.on(each, f"**{each.name}**, {each.place()}. Ours: {each.precision}. Best PyTorch: {best.words()}.")
            self.progress.begin(f"{each.name}: training and prediction")
            self.network_on(each, best)

    def network_on(self, each: InstructionSet, best: tuning.Best) -> None:
        ours = [self.ours(f"ours {i}") for i in range(os.cpu_count())]
        default = self.peer("defaults", DEFAULTS)
        tuned = self.peers("tuned", best.setting, best.place)
        self.warm(*ours, default, *tuned)
        self.alternate(
            Team(*ours),
            {"training sweep against PyTorch defaults": Team(default), "training sweep against best PyTorch": Team(*tuned)},
            "train",
            "steps/s",
        )
        for worker in (default, tuned[0]):
            worker.ask("threads", 1)
        memory = as_a_run() if best.place.our_allocator else {}
        machine = self.worker("machine", peer_command("machine", exported(each), json.dumps(best.setting)), memory | ONE_THREAD)
        machine.receive()
        # Of each side in the arithmetic it computes in.
        precisions = {"ours": each.precision, "best PyTorch": best.setting["precision"]}
        for precision in set(precisions.values()):
            machine.ask(precision, 1)
        settings = json.loads((exported(each) / "settings.json").read_text())
        nominal = machine.ask("flops")["rows"]
        work = {"ours": work_done(nominal, settings), "best PyTorch": nominal}
        say("train, one thread: ours, PyTorch defaults, best PyTorch, matrix product")
        rates = {name: [] for name in ("ours", "PyTorch defaults", "best PyTorch", *precisions.values())}
        for _ in range(self.pairs):
            for name, worker in (("ours", ours[0]), ("PyTorch defaults", default), ("best PyTorch", tuned[0])):
                rates[name].append(Team(worker).rate("train", self.seconds))
            for precision in set(precisions.values()):
                rates[precision].append(Team(machine).rate(precision, 1) / 1e9)
        for name in ("PyTorch defaults", "best PyTorch"):
            ratios = [a / b for a, b in zip(rates["ours"], rates[name])]
            self.add(f"one step on one thread against {name}", rates["ours"], rates[name], ratios, "steps/s")
        shares = {}
        for name, precision in precisions.items():
            flops = sum(amount for _, amount in work[name])
            reached = [rate * flops / 1e9 for rate in rates[name]]
            portions = [a / b for a, b in zip(reached, rates[precision])]
            self.add(f"FLOP/s of the step of {name} against {ceiling(precision)}", reached, rates[precision], portions, "GFLOP/s")
            shares[f"{name} of {ceiling(precision)}"] = statistics.median(portions)
        predicting = tuned[0]
        if best.predicting != best.setting:
            predicting = self.peer("predicting", best.predicting, memory | ONE_THREAD)
            self.warm(predicting)
        for worker in (ours[0], default, predicting):
            worker.ask("predict")
        self.alternate(
            Team(ours[0]),
            {"prediction on one thread against PyTorch defaults": Team(default), "prediction on one thread against best PyTorch": Team(predicting)},
            "predict",
            "volumes/s",
        )
        try:
            samples = sampling.sample(ours[0], 3 * self.seconds)
        except RuntimeError as error:
            samples = str(error)
        self.close(*ours, default, *{*tuned, predicting})
        operations = machine.ask("profile", 5)["operations"]
        self.close(machine)
        place = f"{self.made_by}; {each.name}, {each.place()}"
        text = step_table(settings, nominal, shares, samples, sampling.onednn(each.held), operations, tuning.words(best.setting), place)
        path = self.out / ("step.md" if each.native else f"step-{each.key}.md")
        path.write_text(text)
        say(f"where a step's time goes: {path}")

    def volumes(self) -> None:
        self.progress.begin("volumes")
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
        self.progress.begin("sweep")
        say(f"a whole sweep, {self.sweeps} times: bench/sweep.yaml against bench/sweep.py")
        own, theirs = [], []
        for _ in range(self.sweeps):
            for folder in ("sweep-ours", "sweep-peer"):
                shutil.rmtree(SCRATCH / folder, ignore_errors=True)
            sweep = [PROGRAM, "sweep", ROOT / "bench/sweep.yaml", "--out", SCRATCH / "sweep-ours", "--cache", CACHE]
            script = [sys.executable, ROOT / "bench/sweep.py", exported(self.sets[0]), DATA, SCRATCH / "sweep-peer"]
            own.append(timed(sweep))
            theirs.append(timed(script))
            say(f"  ours {own[-1]:.1f} s, peer {theirs[-1]:.1f} s")
        ratios = [b / a for a, b in zip(own, theirs)]
        self.add("whole sweep against a PyTorch script", own, theirs, ratios, "s")

    def report(self) -> None:
        self.progress.begin("report")
        once, folder, theirs = (SCRATCH / name for name in ("report-once", "report", "report-peer"))
        for old in (once, folder):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(ROOT / "results/phantoms/table2", once)
        run([PROGRAM, "pack", "--undo", once])
        script = [sys.executable, ROOT / "bench/report.py"]
        run([*script, "repeat", once, folder])
        say("report of 10,000 records, those of results/phantoms/table2 again and again: ours whole, the peer's a part")
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
        self.add("report of 10000 records against a Python script", own, peer, ratios, "s")
        shutil.rmtree(folder)


def read_rows(path: pathlib.Path) -> dict:
    """Task, part, strategy, ratio asked for and steps → the numbers."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {(*row[:3], float(row[10]), row[9]): row[3:9] for row in rows}


def timed(command: list) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    run(command)
    return time.perf_counter() - start


def prepare(bench: Bench) -> None:
    bench.progress.begin("phantoms")
    for folder, subjects, spacing in ((DATA, 4, 2.4), (FINE, 1, 1.0)):
        if not (folder / "manifest.csv").exists():
            run([PROGRAM, "phantom", folder, "--subjects", subjects, "--seed", 1, "--spacing-mm", spacing])
    for each in bench.compared:
        bench.progress.begin(f"{each.name}: the same network?")
        run([WORKER, "export", CACHE, exported(each)], each.held)
        # bfloat16 without instructions for it is the same arithmetic, and slow.
        command = peer_command("check", exported(each), DATA, *dict.fromkeys(["float32", each.precision]))
        # Shown as it comes: this is what makes the rest a comparison.
        if subprocess.run(command, env=environment(each.held), cwd=ROOT).returncode != 0:
            sys.exit("bench: the peer is not the same network; nothing was measured")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="rounds of each row [5]")
    parser.add_argument("--seconds", type=float, default=2.5, help="of each measurement [2.5]")
    parser.add_argument("--sweeps", type=int, default=2, help="rounds of the whole sweep [2]")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    parser.add_argument("--sets", help="instruction sets, of native, avx512-bf16, avx512, avx2 [native,avx512,avx2, which of them there are]")
    parser.add_argument("--keep", action="store_true", help="copy the rows of a whole run to results/bench, and its tables into docs/speed.md")
    arguments = parser.parse_args()
    if arguments.keep and arguments.only:
        parser.error("--keep: expected a whole run, got --only")
    # PyTorch's threads wait for each other by turning, and lose most where they have no core each.
    if os.getloadavg()[0] > 0.5:
        say(f"other programs work on this machine (load {os.getloadavg()[0]:.1f}): the numbers will be off, PyTorch's most")
    bench = Bench(arguments)
    whole = False
    try:
        if arguments.only != "report":
            prepare(bench)
        if arguments.only in (None, "network"):
            bench.network()
        bench.on(bench.native, f"**Volumes, whole sweep and report**, {bench.native.name}.")
        for part in PARTS[1:]:
            if arguments.only in (None, part):
                getattr(bench, part)()
        whole = arguments.only is None
    except KeyboardInterrupt:
        say("stopped")
    finally:
        for worker in bench.workers:
            worker.close()
    lines = [HEADER, *(row.fields() for row in bench.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    print("\n" + "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in lines))
    say(f"{bench.out / 'bench.md'}")
    if arguments.keep and whole:
        steps = ["step.md" if each.native else f"step-{each.key}.md" for each in bench.sets]
        keep(["bench.csv", "bench.md", *steps])


if __name__ == "__main__":
    main()
