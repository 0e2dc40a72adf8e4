"""How time and memory grow: `./just bench-scale`, scale.{csv,md,svg}.

Volume size, cases and classes: one process goes through what a run does (load and prepare the
files, train 5 steps, segment one volume, score it) and tells seconds and peak memory after each
stage. Strategies and seeds: whole sweeps of a tiny network, two runs at a time. Memory is the
largest of a single process.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from workers import LOCAL, PROGRAM, ROOT, SCRATCH, WORKER, as_a_run, environment, keep, made_by, run

BASE = {"spacing": 2.4, "cases": 4, "classes": 9}
SPACINGS = [4.0, 2.4, 1.2, 0.8]
CASES = [2, 4, 8, 16, 32]
CLASSES = [2, 4, 9, 18, 36]
# Voxels along x, y, z of the paper's volumes.
DHCP = (290, 290, 203)
STRATEGIES = ["random", "equal-interval", "uncertainty", "attention-guided"]
HEADER = ["axis", "value", "voxels", "load_s", "step_s", "predict_s", "score_s", "total_s", "train_peak_mib", "peak_mib"]


def phantoms(cases: int, spacing: float):
    folder = SCRATCH / f"scale-{cases}-{spacing}"
    if not (folder / "manifest.csv").exists():
        run([PROGRAM, "phantom", folder, "--subjects", cases, "--seed", 1, "--spacing-mm", spacing])
    return folder / "manifest.csv"


def dhcp_sized():
    """Two volumes of dHCP's grid, a head of 1 mm blown up in their middle; the mask keeps all of it."""
    import nibabel
    import numpy as np

    folder = SCRATCH / "scale-dhcp"
    if (folder / "manifest.csv").exists():
        return folder / "manifest.csv"
    head = phantoms(2, 1.0).parent
    folder.mkdir(exist_ok=True)
    rows = ["case,image,label,mask"]
    for case in ("phantom-01", "phantom-02"):
        for kind in ("T2w", "tissue"):
            voxels = np.asarray(nibabel.load(head / f"{case}_{kind}.nii.gz").dataobj)
            for axis in range(3):
                voxels = voxels.repeat(2, axis)
            grid = np.zeros(DHCP, voxels.dtype)
            source, target = [], []
            for have, want in zip(voxels.shape, DHCP):
                size = min(have, want)
                source.append(slice((have - size) // 2, (have - size) // 2 + size))
                target.append(slice((want - size) // 2, (want - size) // 2 + size))
            grid[tuple(target)] = voxels[tuple(source)]
            nibabel.save(nibabel.Nifti1Image(grid, np.diag([0.5, 0.5, 0.5, 1])), folder / f"{case}_{kind}.nii.gz")
        mask = nibabel.Nifti1Image(np.ones(DHCP, np.uint8), np.diag([0.5, 0.5, 0.5, 1]))
        nibabel.save(mask, folder / f"{case}_mask.nii.gz")
        rows.append(f"{case},{case}_T2w.nii.gz,{case}_tissue.nii.gz,{case}_mask.nii.gz")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


def stages(axis: str, value, manifest, classes: int) -> dict:
    cache = SCRATCH / "scale-cache"
    shutil.rmtree(cache, ignore_errors=True)
    done = subprocess.run(
        [WORKER, "scale", manifest, cache, str(classes)], env=environment(as_a_run()), cwd=ROOT, text=True, capture_output=True
    )
    if done.returncode != 0:
        sys.exit(f"bench: {axis} {value} ended with {done.returncode}: {done.stderr}")
    result = json.loads(done.stdout)
    voxels = "×".join(map(str, result["shape"]))
    seconds = {stage: result[stage]["seconds"] for stage in ("load", "train", "predict", "score")}
    return {
        "axis": axis,
        "value": value,
        "voxels": voxels,
        "load_s": seconds["load"],
        "step_s": seconds["train"] / result["steps"],
        "predict_s": seconds["predict"],
        "score_s": seconds["score"],
        "total_s": sum(seconds.values()),
        "train_peak_mib": result["train"]["peak_mib"],
        "peak_mib": result["score"]["peak_mib"],
    }


def sweep(axis: str, value: int, strategies: int, seeds: int) -> dict:
    """A sweep of a tiny network; its processes are children of ours once it has ended."""
    text = (ROOT / "experiments/smoke.yaml").read_text()
    lines = [line for line in text.splitlines() if not any(f"{name}: [" in line for name in STRATEGIES[strategies:])]
    text = "\n".join(lines).replace("seeds: [1, 2]", f"seeds: {list(range(1, seeds + 1))}")
    path = SCRATCH / "scale.yaml"
    path.write_text(text)
    out = SCRATCH / "scale-sweep"
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    command = ["/bin/sh", "-c", f"'{PROGRAM}' sweep '{path}' --out '{out}' --cache '{SCRATCH}/cache' 2>/dev/null"]
    child = subprocess.Popen(command, env=environment(), cwd=ROOT, stdout=subprocess.DEVNULL)
    # wait4 counts the child's own waited-for children: the workers.
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"bench: the sweep of {axis} {value} failed; try {command[-1]}")
    return {"axis": axis, "value": value, "total_s": time.perf_counter() - start, "peak_mib": usage.ru_maxrss / 1024}


def plot(rows: list[dict], out: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # The same figure, the same bytes.
    matplotlib.rcParams["svg.hashsalt"] = "slicewise"
    from matplotlib import pyplot

    axes = list(dict.fromkeys(row["axis"] for row in rows))
    figure, panels = pyplot.subplots(2, len(axes), figsize=(3 * len(axes), 5.4), squeeze=False, layout="constrained")
    # Okabe and Ito's colours and different markers, for those who do not see all colours.
    kinds = {
        "total_s": ("all", "black", "o"),
        "load_s": ("load all", "#0072B2", "s"),
        "step_s": ("one step", "#D55E00", "^"),
        "predict_s": ("segment one", "#009E73", "D"),
    }
    for (seconds, memory), axis in zip(panels.T, axes):
        mine = [row for row in rows if row["axis"] == axis]
        x = [row["million_voxels"] if axis == "volume size" else row["value"] for row in mine]
        staged = all("step_s" in row for row in mine)
        for key, (name, color, marker) in kinds.items():
            if key == "total_s" or staged:
                seconds.plot(x, [row[key] for row in mine], color=color, marker=marker, markersize=4, label=name)
        peaks = [row["peak_mib"] / 1024 for row in mine]
        memory.plot(x, peaks, color="black", marker="o", markersize=4)
        seconds.set(title=axis if staged else f"{axis}, whole sweep")
        seconds.set(yscale="log") if staged else seconds.set(ylim=(0, None))
        memory.set(xlabel="million voxels a volume" if axis == "volume size" else axis, ylim=(0, 1.2 * max(peaks)))
        if not staged:
            for panel in (seconds, memory):
                panel.set_xticks(x)
    panels[0][0].set_ylabel("seconds")
    panels[1][0].set_ylabel("peak memory, GiB")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(kinds), frameon=False)
    figure.savefig(out / "scale.svg", metadata={"Date": None})


def write(rows: list[dict], made: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    text = lambda value: f"{value:.3g}" if isinstance(value, float) and value < 100 else f"{value:.0f}" if isinstance(value, float) else str(value)
    with open(out / "scale.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows([text(row.get(name, "")) for name in HEADER] for row in rows)
    lines = ["| " + " | ".join(HEADER) + " |", "|---|" + "---:|" * (len(HEADER) - 1)]
    lines += ["| " + " | ".join(text(row.get(name, "")) for name in HEADER) + " |" for row in rows]
    base = f"Where an axis is not the one varied: {BASE['spacing']} mm, {BASE['cases']} cases, {BASE['classes']} classes; volume size with 2 cases."
    (out / "scale.md").write_text(f"{made}.\n\n{__doc__.strip()}\n\n{base}\n\n" + "\n".join(lines) + "\n\n![growth](scale.svg)\n")


def main() -> None:
    measurements = [
        *(("volume size", s, lambda s=s: stages("volume size", f"{s} mm", phantoms(2, s), BASE["classes"])) for s in SPACINGS),
        ("volume size", "dHCP", lambda: stages("volume size", "dHCP's grid, 0.5 mm", dhcp_sized(), BASE["classes"])),
        *(("cases", n, lambda n=n: stages("cases", n, phantoms(n, BASE["spacing"]), BASE["classes"])) for n in CASES),
        *(("classes", n, lambda n=n: stages("classes", n, phantoms(BASE["cases"], BASE["spacing"]), n)) for n in CLASSES),
        *(("strategies", n, lambda n=n: sweep("strategies", n, n, 1)) for n in (1, 2, 4)),
        *(("seeds", n, lambda n=n: sweep("seeds", n, 4, n)) for n in (1, 2, 4)),
    ]
    name = lambda axis: axis.replace(" ", "-")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(dict.fromkeys(name(axis) for axis, _, _ in measurements)), help="one axis alone")
    parser.add_argument("--keep", action="store_true", help="copy a whole run's files to results/bench")
    arguments = parser.parse_args()
    only = arguments.only
    if arguments.keep and only:
        parser.error("--keep: expected a whole run, got --only")
    # One alone leaves the whole table as it is.
    out = SCRATCH / f"scale-only-{only}" if only else LOCAL
    made = made_by("./just bench-scale")
    rows = []
    for axis, value, measure in measurements:
        if only not in (None, name(axis)):
            continue
        try:
            row = measure()
        except KeyboardInterrupt:
            return print(f"stopped; what was measured is in {out}")
        if axis == "volume size":
            depth, height, width = map(int, row["voxels"].split("×"))
            row["million_voxels"] = depth * height * width / 1e6
        rows.append(row)
        print(f"{time.strftime('%H:%M:%S')} {axis} {value}: {row['total_s']:.1f} s, {row['peak_mib']:.0f} MiB {row.get('voxels', '')}", flush=True)
        write(rows, made, out)
    plot(rows, out)
    print(out / "scale.md")
    if arguments.keep:
        keep(["scale.csv", "scale.md", "scale.svg"])


if __name__ == "__main__":
    main()
