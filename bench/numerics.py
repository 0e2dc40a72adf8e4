"""`./just numerics`: Dice by precision and instruction set, results/bench-local/numerics.{csv,md}.

Runs an experiment (experiments/numerics-sets.yaml) once with each precision and each instruction
set that this machine has or can be held to, all with the same seeds, and sets their Part B Dice
beside each other, seed by seed. With `--before PROGRAM` an older build runs it too, with all that
the processor has: `git worktree add ../before COMMIT`, `./just build` there, and then
`./just numerics --before ../before/target/release/slicewise`. bfloat16 is run where the instruction
set has it: without, it is the same arithmetic, and slow.
"""

import argparse
import csv
import dataclasses
import json
import math
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import instructions
from workers import CACHE, LOCAL, PROGRAM, ROOT, SCRATCH, environment, keep, made_by

# Student's 97.5 % quantile by degrees of freedom; above, the normal's.
T_975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120]
T_975 += [2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]
PRECISIONS = ["float32", "bfloat16"]


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    program: pathlib.Path
    precision: str
    held: dict

    def folder(self) -> pathlib.Path:
        return SCRATCH / "numerics" / self.name.replace(", ", "-").lower()


def variants(sets: list, before: pathlib.Path | None) -> list[Variant]:
    """The first in float32 is what the others are compared with."""
    found = []
    has_bf16 = any(each.native and each.precision == "bfloat16" for each in sets)
    if before:
        precisions = PRECISIONS if has_bf16 else PRECISIONS[:1]
        found += [Variant(f"before, {precision}", before, precision, {}) for precision in precisions]
    for each in sets:
        # In float32 a processor with AVX512-BF16 does what it does when held to AVX-512.
        if each.precision == "float32" or not any(other.key == "avx512" for other in sets):
            found.append(Variant(f"{each.name}, float32", PROGRAM, "float32", each.held))
        if each.precision == "bfloat16":
            found.append(Variant(f"{each.name}, bfloat16", PROGRAM, "bfloat16", each.held))
    return found


def restricted(experiment: str, precision: str) -> str:
    """The experiment's text with the models of one precision alone; model names begin with it."""
    lines, inside = [], False
    for line in experiment.splitlines():
        if line and not line.startswith((" ", "#")):
            inside = line == "models:"
        if not inside or not line.startswith("  ") or line.strip().startswith(precision):
            lines.append(line)
    return "\n".join(lines) + "\n"


def sweep(variant: Variant, experiment: str, jobs: int | None) -> None:
    folder = variant.folder()
    path = folder.with_suffix(".yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(restricted(experiment, variant.precision))
    command = [variant.program, "sweep", path, "--out", folder, "--cache", CACHE, *(["--jobs", jobs] if jobs else [])]
    with open(folder.with_suffix(".log"), "w") as log:
        done = subprocess.run(list(map(str, command)), env=environment(variant.held), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"numerics: {variant.name} failed; see {log.name}")


def dice(folder: pathlib.Path) -> dict[tuple[str, int], float]:
    """Task and seed → mean Dice over the cases of Part B at full annotation."""
    found = {}
    for path in sorted((folder / "records").rglob("full-seed*.jsonl")):
        for record in map(json.loads, path.read_text().splitlines()):
            values = [case["mean_dice"] for case in record["cases"] if case["part"] == "B"]
            found[record["task"], record["seed"]] = statistics.fmean(values)
    return found


def interval(values: list[float]) -> str:
    """Mean ± half the 95 % interval over seeds."""
    freedom = len(values) - 1
    if freedom < 1:
        return f"{values[0]:+.4f}"
    quantile = T_975[freedom - 1] if freedom <= len(T_975) else 1.96
    return f"{statistics.fmean(values):.4f} ± {quantile * statistics.stdev(values) / math.sqrt(len(values)):.4f}"


def table(results: dict[str, dict], made: str, experiment: str) -> str:
    names = list(results)
    reference = next((name for name in names if name.endswith("float32")), names[0])
    earlier = [name for name in names if name.startswith("before, ")]
    lines = [
        f"{made}, {experiment}. Mean Dice over the cases of Part B, then over seeds, ± half the 95 % Student-t interval over"
        " seeds; differences are taken seed by seed. \"Before\" is an older build"
        + (", as was asked for." if earlier else "; none was asked for."),
        "",
        f"| instruction set | precision | task | Dice, Part B | minus {reference} | largest of a seed | minus before, same precision | seeds |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for task in sorted({task for task, _ in results[reference]}):
        for name in names:
            of = lambda other: {seed: value for (of_task, seed), value in results[other].items() if of_task == task}
            own = of(name)

            def minus(other: str) -> list[float]:
                theirs = of(other)
                return [own[seed] - theirs[seed] for seed in sorted(own.keys() & theirs.keys())]

            first = minus(reference) if name != reference else []
            twin = f"before, {name.rsplit(', ', 1)[1]}"
            cells = [
                interval(list(own.values())),
                interval(first) if first else "",
                f"{max(map(abs, first)):.4f}" if first else "",
                interval(minus(twin)) if twin in earlier and name not in earlier else "",
                str(len(own)),
            ]
            lines.append(f"| {name.replace(', ', ' | ')} | {task} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", type=pathlib.Path, default=ROOT / "experiments/numerics-sets.yaml")
    parser.add_argument("--sets", help="instruction sets, as ./just bench takes them")
    parser.add_argument("--before", type=pathlib.Path, help="an older slicewise to compare with")
    parser.add_argument("--jobs", type=int, help="runs side by side [as sweep's]")
    parser.add_argument("--go-on", action="store_true", help="go on with a run that was stopped, of the same builds")
    parser.add_argument("--keep", action="store_true", help="copy the table to results/bench")
    arguments = parser.parse_args()
    before = arguments.before and arguments.before.resolve()
    if before and not before.exists():
        parser.error(f"--before: expected a program, got {before}")
    text = arguments.experiment.read_text()
    made = made_by("./just numerics")
    if not arguments.go_on:
        shutil.rmtree(SCRATCH / "numerics", ignore_errors=True)
    LOCAL.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict] = {}
    todo = variants(instructions.chosen(arguments.sets), before)
    start = time.monotonic()
    for index, variant in enumerate(todo):
        left = f"; about {(time.monotonic() - start) / index * (len(todo) - index) / 60:.0f} min left" if index else ""
        print(f"{time.strftime('%H:%M:%S')} [{index + 1} of {len(todo)}] {variant.name}{left}", flush=True)
        sweep(variant, text, arguments.jobs)
        results[variant.name] = dice(variant.folder())
        with open(LOCAL / "numerics.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["instruction_set", "precision", "task", "seed", "dice_part_b"])
            for name, rows in results.items():
                writer.writerows([*name.split(", "), task, seed, f"{value:.6f}"] for (task, seed), value in rows.items())
        (LOCAL / "numerics.md").write_text(table(results, made, arguments.experiment.name))
    print((LOCAL / "numerics.md").read_text())
    if arguments.keep:
        keep(["numerics.csv", "numerics.md"])


if __name__ == "__main__":
    main()
