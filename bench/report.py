"""A results folder of 10,000 records, and a report of it as a Python script.

    report.py repeat RESULTS OUT     unpacked RESULTS with its seeds again and again, until there are 10,000 records
    report.py write RESULTS OUT      reads it; writes table2.csv and the curves of Fig. 5

The script does a part of what `slicewise report` does: of its tables one, of its figures one, no page.
"""

import collections
import csv
import json
import pathlib
import statistics
import sys

RECORDS = 10_000
FIELDS = ["task", "part", "strategy", "ratio", "mean", "ci_low", "ci_high", "seeds", "cases", "steps", "asked"]


def repeat(results: pathlib.Path, out: pathlib.Path) -> None:
    ledgers = {path: path.read_bytes() for path in (results / "records").rglob("*.jsonl")}
    times = -(-RECORDS // sum(text.count(b"\n") for text in ledgers.values()))
    manifest = json.loads((results / "manifest.json").read_text())
    seeds, cells = manifest["seeds"], manifest["cells"]
    shifts = [round * max(seeds) for round in range(times)]
    for path, text in ledgers.items():
        name, seed = path.stem.rsplit("-seed", 1)
        for shift in shifts:
            again = int(seed) + shift
            copy = out / path.relative_to(results).with_name(f"{name}-seed{again}.jsonl")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(text.replace(f'"seed":{seed},'.encode(), f'"seed":{again},'.encode()))
    manifest["seeds"] = [seed + shift for shift in shifts for seed in seeds]
    manifest["cells"] = [cell | {"seed": cell["seed"] + shift} for shift in shifts for cell in cells]
    (out / "manifest.json").write_text(json.dumps(manifest))
    (out / "config.yaml").write_text((results / "config.yaml").read_text())


def student_t_975(freedom: int) -> float:
    """The 97.5 % quantile, by Abramowitz and Stegun 26.7.5: to 1e-8 at the 100 and more degrees of
    freedom there are here."""
    z = statistics.NormalDist().inv_cdf(0.975)
    terms = [
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    ]
    return sum(term / freedom**power for power, term in enumerate(terms))


def write(results: pathlib.Path, out: pathlib.Path) -> None:
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from matplotlib import pyplot

    groups = collections.defaultdict(list)
    shares = collections.defaultdict(list)
    for path in sorted((results / "records").rglob("*.jsonl")):
        for line in path.open():
            record = json.loads(line)
            asked = record["task"], record["ratio"]
            shares[asked].append(record["annotated_slices"] / record["total_slices"])
            if not record["evaluated"]:
                continue
            for part in ("A", "B"):
                dice = [case["mean_dice"] for case in record["cases"] if case["part"] == part]
                if dice:
                    place = asked, part, record["strategy"], record["steps"]
                    groups[place].append((np.mean(dice), len(dice)))
    rows = []
    for (asked, part, strategy, steps), values in sorted(groups.items()):
        dice = np.array([mean for mean, _ in values])
        half = student_t_975(len(dice) - 1) * dice.std(ddof=1) / len(dice) ** 0.5
        mean = dice.mean()
        task, reached = asked[0], np.mean(shares[asked])
        ends = [mean - half, mean + half]
        rows.append([task, part, strategy, reached, mean, *ends, len(dice), values[0][1], steps, asked[1]])
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "table2.csv", "w", newline="") as file:
        csv.writer(file).writerows([FIELDS, *rows])
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 4))
    for task, axis in zip(("brain-extraction", "tissue-segmentation"), axes):
        shown = [row for row in rows if row[0] == task and row[1] == "B"]
        for strategy in sorted({row[2] for row in shown}):
            ratio, mean, low, high = np.array([row[3:7] for row in shown if row[2] == strategy]).T
            axis.errorbar(ratio, mean, [mean - low, high - mean], marker="o", label=strategy)
        axis.set(title=task, xlabel="annotated share of slices", ylabel="mean Dice")
    axes[0].legend()
    for ending in ("svg", "png"):
        figure.savefig(out / f"fig5.{ending}", dpi=200)


if __name__ == "__main__":
    word, results, out = sys.argv[1:]
    {"repeat": repeat, "write": write}[word](pathlib.Path(results), pathlib.Path(out))
