"""Seconds of training to a given Dice: `./just bench-quality`, writes results/bench-local/quality.{csv,md};
with `--keep` they are copied to results/bench.

Full annotation, tissues (Task 2), the data and the split of experiments/table2.yaml and
table2-neonates.yaml. Three contestants, each on one thread, by turns, as many side by side as there
are cores, as runs of a sweep are:

    ours     the recipe of `OURS`
    before   that of the committed experiments at 4bf91e3, in bfloat16, which was the default then
    pytorch  an expert's usual recipe with MONAI (bench/expert.py), in float32, PyTorch's default

A Dice is *reached* at the first evaluation at which Part B's mean (over the foreground classes of a
volume, then over volumes) is at least the target. There is an evaluation every 20 steps; its time
does not count. A training that has not reached it in `LIMIT` steps has not reached it.
"""

import argparse
import concurrent.futures
import csv
import dataclasses
import json
import os
import subprocess
import sys

from workers import CACHE, LOCAL, ROOT, SCRATCH, WORKER, as_a_run, environment, keep, made_by, run

EVERY = 20
CONTESTANTS = ["ours", "before", "pytorch"]


@dataclasses.dataclass(frozen=True)
class Problem:
    name: str
    data: dict
    target: float
    crop: list[int]
    class_weight_power: float
    limit: dict  # Steps at most, by contestant.
    pytorch: dict  # What bench/expert.py is to do.


def names(kind: str, numbers) -> list[str]:
    return [f"{kind}-{number:02d}" for number in numbers]


PROBLEMS = [
    Problem(
        "phantoms",
        {
            "dataset": "phantom",
            "phantom": {"subjects": 12, "seed": 1},
            "spacing_mm": 2.4,
            "part_b": names("phantom", range(9, 13)),
        },
        0.84,
        [32, 64, 48],
        0.75,
        {"ours": 400, "before": 480},
        {"steps": 640},
    ),
    Problem(
        "newborns",
        {"dataset": "neonates", "spacing_mm": 1.718, "part_b": names("baby", (4, 8, 12, 16))},
        0.83,
        [32, 80, 64],
        0.5,
        {"ours": 600, "before": 900},
        {"steps": 900},
    ),
]
# The same network and loss in both.
OURS = {"algorithm": "muon", "learning_rate": 0.01, "batch": 1}
BEFORE = {"algorithm": "adamw", "learning_rate": 0.004, "batch": 2}
COMMON = {"momentum": 0.9, "weight_decay": 1e-4, "schedule": "constant", "averaging": 0.98, "soft_dice": 1.0, "memory_format": "channels-last"}
# The best of those tried on phantoms of another seed (EXPERIMENTS.md, 2026-11-27).
PYTORCH = {"network": "monai", "recipe": "one-cycle", "rate": 0.01}


def recipe(problem: Problem, contestant: str, seed: int) -> dict:
    training = {"crop": problem.crop, "class_weight_power": problem.class_weight_power} | COMMON
    training |= OURS if contestant == "ours" else BEFORE
    training["precision"] = "auto" if contestant == "ours" else "bfloat16"
    return {
        "data": problem.data,
        "training": training,
        "seed": seed,
        "steps": problem.limit[contestant],
        "every": EVERY,
        "target": problem.target,
    }


def command(problem: Problem, contestant: str, seed: int) -> list:
    if contestant != "pytorch":
        return [WORKER, "quality", CACHE, json.dumps(recipe(problem, contestant, seed))]
    want = PYTORCH | problem.pytorch | {"crop": problem.crop, "every": EVERY, "target": problem.target, "seed": seed}
    return [sys.executable, ROOT / "bench/expert.py", SCRATCH / f"quality-{problem.name}", json.dumps(want)]


def train(problem: Problem, contestant: str, seed: int) -> list[dict]:
    """All evaluations."""
    words = list(map(str, command(problem, contestant, seed)))
    done = subprocess.run(words, cwd=ROOT, env=environment(as_a_run()), text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(words)} failed:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


FIELDS = ["data", "target", "contestant", "seed", "reached", "seconds", "steps", "dice", "best_dice"]


def row(problem: Problem, contestant: str, seed: int, evaluations: list[dict]) -> list:
    last = evaluations[-1]
    best = max(evaluation["dice"] for evaluation in evaluations)
    reached = last["dice"] >= problem.target
    return [problem.name, problem.target, contestant, seed, reached, f"{last['seconds']:.1f}", last["steps"], f"{last['dice']:.4f}", f"{best:.4f}"]


def cell(rows: list[list], field: str) -> str:
    """The median over seeds and each seed; `>` where the target was not reached."""
    place = FIELDS.index(field)
    values = [(float(row[place]), str(row[4]) == "True") for row in rows]
    # What was not reached is longer than what it took so far.
    middle = sorted(values, key=lambda value: (not value[1], value[0]))[len(values) // 2]
    text = lambda value: ("" if value[1] else "> ") + f"{value[0]:.0f}"
    return f"{text(middle)} ({', '.join(map(text, values))})"


def table(rows: list[list], head: str) -> str:
    lines = [
        f"{head}. Seconds of training, and steps, to the first evaluation (every {EVERY} steps, its time not counted) at which"
        " Part B's mean Dice is at least the target: median over seeds, in brackets each. Full annotation, Task 2, one thread"
        " each, as many side by side as cores. `>`: not reached when it ended. The ratio is of medians: above 1, ours needs fewer seconds.",
        "",
        "| data | Dice | contestant | seconds | steps | ours is faster |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for problem in PROBLEMS:
        of = {c: [row for row in rows if row[0] == problem.name and row[2] == c] for c in CONTESTANTS}
        for contestant, chosen in of.items():
            if not chosen:
                continue
            first = lambda rows: cell(rows, "seconds").split(" (")[0]
            ratio = ""
            if contestant != "ours" and of["ours"]:
                over, under = first(chosen), first(of["ours"])
                mark = "> " if over.startswith(">") else ""
                ratio = "" if under.startswith(">") else f"{mark}{float(over.removeprefix('> ')) / float(under):.1f} ×"
            lines.append(f"| {problem.name} | {problem.target} | {contestant} | {cell(chosen, 'seconds')} | {cell(chosen, 'steps')} | {ratio} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--pytorch-seeds", type=int, nargs="+", default=[1], help="PyTorch's, which takes longest [1]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="side by side [as many as cores]")
    parser.add_argument("--data", nargs="+", choices=[problem.name for problem in PROBLEMS], default=[problem.name for problem in PROBLEMS])
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--keep", action="store_true", help="copy a whole run's table to results/bench")
    arguments = parser.parse_args()
    problems = [problem for problem in PROBLEMS if problem.name in arguments.data]
    if arguments.keep and (problems != PROBLEMS or arguments.only != CONTESTANTS):
        parser.error("--keep: expected a whole run, got --data or --only")
    if "pytorch" in arguments.only:
        for problem in problems:
            run([WORKER, "quality-volumes", CACHE, SCRATCH / f"quality-{problem.name}", json.dumps(problem.data)])
    work = [(problem, contestant, seed) for problem in problems for contestant in arguments.only for seed in (arguments.pytorch_seeds if contestant == "pytorch" else arguments.seeds)]
    LOCAL.mkdir(parents=True, exist_ok=True)
    rows: list[list] = []
    # The longest first, so that no core waits for another at the end; then by turns.
    turns = sorted(work, key=lambda task: (task[1] != "pytorch", task[0].name != "newborns", task[2]))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        waiting = {pool.submit(train, *task): task for task in turns}
        for future in concurrent.futures.as_completed(waiting):
            rows.append(row(*waiting[future], future.result()))
            print(" ".join(map(str, rows[-1])), flush=True)
            order = {(p.name, c, s): i for i, (p, c, s) in enumerate(work)}
            rows.sort(key=lambda r: order[r[0], r[2], r[3]])
            with open(LOCAL / "quality.csv", "w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([FIELDS, *rows])
            head = made_by("./just bench-quality")
            (LOCAL / "quality.md").write_text(table(rows, head))
    print((LOCAL / "quality.md").read_text())
    if arguments.keep:
        keep(["quality.csv", "quality.md"])


if __name__ == "__main__":
    main()
