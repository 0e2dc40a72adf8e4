"""Plays people who draw: writes scans and truth for them, answers tasks as their tools would, and looks at
what comes out.

    expert.py scans PHANTOMS OUT        scans, truth and a manifest from `slicewise phantom`
    expert.py answer TASK TRUTH [CASE:TOOL ...]
                                        draw the asked slices of a task, each case with another tool
    expert.py row ROW TASK CASE TRUTH   answer a case with one thing wrong, or unusual
    expert.py dice PREDICTIONS TRUTH    mean Dice of each case as JSON
    expert.py nnunet EXPORT HISTORY TRUTH
                                        check that `ignore` is exactly where nobody drew
"""

import csv
import gzip
import json
import os
import sys

import nibabel as nib
import numpy as np

CLASSES = ["background", "one", "two"]
UNSURE, DONE = len(CLASSES), len(CLASSES) + 1


def scans(phantoms, out):
    """Truth has two classes, made of the phantoms' tissues. Some scans are stored in other orders."""
    os.makedirs(f"{out}/scans")
    os.makedirs(f"{out}/truth")
    orders = ["RAS", "LPI", "PSR", "LAS"]
    rows = [["case", "image", "label"]]
    for number, row in enumerate(csv.DictReader(open(f"{phantoms}/manifest.csv"))):
        order = nib.orientations.axcodes2ornt(orders[number % len(orders)])
        image = nib.load(f"{phantoms}/{row['image']}")
        tissue = nib.load(f"{phantoms}/{row['label']}")
        values = np.asarray(tissue.dataobj).astype(np.int16)
        truth = np.where(values > 0, 1 + values % 2, 0).astype(np.uint8)
        turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), order)
        # Whole numbers, as scanners store them.
        whole = np.round(np.asarray(image.dataobj)).astype(np.int16)
        case = row["case"]
        nib.Nifti1Image(whole, image.affine).as_reoriented(turn).to_filename(f"{out}/scans/{case}.nii.gz")
        nib.Nifti1Image(truth, image.affine).as_reoriented(turn).to_filename(f"{out}/truth/{case}.nii.gz")
        rows.append([case, f"scans/{case}.nii.gz", f"truth/{case}.nii.gz"])
    csv.writer(open(f"{out}/manifest.csv", "w")).writerows(rows)


def canonical(path):
    image = nib.as_closest_canonical(nib.load(path))
    return np.asarray(image.dataobj), image.affine


def answer(task, truth, tools):
    """Slices are axial: the last axis in RAS."""
    asked = json.load(open(f"{task}/task.json"))["slices"]
    chosen = dict(tool.rsplit(":", 1) for tool in tools)
    names = ["itk-snap", "slicer", "nibabel", "simpleitk"]
    for number, (case, slices) in enumerate(sorted(asked.items())):
        folder = f"{task}/{case}"
        image, affine = canonical(f"{folder}/image.nii.gz")
        drawn, _ = canonical(f"{folder}/labels.nii.gz")
        expected, _ = canonical(f"{truth}/{case}.nii.gz")
        assert image.shape == drawn.shape == expected.shape
        assert nib.load(f"{folder}/image.nii.gz").get_data_dtype() == np.int16
        drawn = drawn.copy()
        for k in slices:
            drawn[:, :, k] = expected[:, :, k]
            # One dab confirms a slice that is empty, or as the draft was.
            drawn[0, 0, k] = DONE
        tool = chosen.get(case, names[number % len(names)])
        TOOLS[tool](folder, drawn, affine)


def in_order(drawn, affine, order, dtype):
    image = nib.Nifti1Image(drawn.astype(dtype), affine)
    order = nib.orientations.axcodes2ornt(order)
    return image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(affine), order))


def itk_snap(folder, drawn, affine):
    in_order(drawn, affine, "LPI", np.uint16).to_filename(f"{folder}/labels.nii.gz")


def nibabel(folder, drawn, affine):
    in_order(drawn, affine, "PSR", np.float32).to_filename(f"{folder}/labels.nii.gz")


def simpleitk(folder, drawn, affine):
    import SimpleITK as sitk

    before = sitk.ReadImage(f"{folder}/labels.nii.gz")
    # SimpleITK's arrays are [z, y, x], in the file's order of axes, which is RAS for what we hand out.
    image = sitk.GetImageFromArray(drawn.astype(np.int16).transpose(2, 1, 0))
    image.CopyInformation(before)
    sitk.WriteImage(image, f"{folder}/labels.nii.gz")


def slicer(folder, drawn, affine, names=None, overlap=False):
    """A .seg.nrrd in LPS, cut to what is drawn, its segments in another order than the classes."""
    names = names or ["done", "two", "one", "unsure"]
    classes = {"one": 1, "two": 2, "unsure": UNSURE, "done": DONE}
    where = np.argwhere(drawn > 0)
    low, high = where.min(0), where.max(0) + 1
    part = drawn[tuple(slice(a, b) for a, b in zip(low, high))]
    lines = ["NRRD0004", "# Complete NRRD file format specification at:", "type: unsigned char"]
    lps = np.diag([-1, -1, 1, 1]) @ affine
    vectors = " ".join("(" + ",".join(repr(float(v)) for v in lps[:3, c]) + ")" for c in range(3))
    origin = (lps @ np.append(low, 1))[:3]
    stored = np.zeros_like(part, dtype=np.uint8)
    fields = []
    for number, name in enumerate(names):
        stored[part == classes[name.lower()]] = number + 1
        fields += [f"Segment{number}_Name:={name}", f"Segment{number}_LabelValue:={number + 1}",
                   f"Segment{number}_Layer:=0", f"Segment{number}_ID:=Segment_{number + 1}"]
    layers = [stored]
    if overlap:
        layers.append(np.where(stored == 3, 2, 0).astype(np.uint8))
        fields[fields.index("Segment1_Layer:=0")] = "Segment1_Layer:=1"
    data = np.stack(layers) if overlap else stored
    sizes = " ".join(str(size) for size in data.shape)
    lines += [f"dimension: {data.ndim}", "space: left-posterior-superior", f"sizes: {sizes}",
              f"space directions: {'none ' if overlap else ''}{vectors}", "encoding: gzip",
              "space origin: (" + ",".join(repr(float(v)) for v in origin) + ")"] + fields
    packed = gzip.compress(data.tobytes(order="F"))
    open(f"{folder}/labels.seg.nrrd", "wb").write("\n".join(lines).encode() + b"\n\n" + packed)


TOOLS = {"itk-snap": itk_snap, "slicer": slicer, "nibabel": nibabel, "simpleitk": simpleitk}


def row(name, task, case, truth):
    """Rows of the table in docs/annotating.md, as a tool leaves them."""
    slices = json.load(open(f"{task}/task.json"))["slices"][case]
    folder = f"{task}/{case}"
    path = f"{folder}/labels.nii.gz"
    handed_out, affine = canonical(path)
    expected, _ = canonical(f"{truth}/{case}.nii.gz")
    drawn = handed_out.copy()
    for k in slices:
        drawn[:, :, k] = expected[:, :, k]

    def save(values, affine=affine, dtype=np.uint8):
        nib.Nifti1Image(np.asarray(values).astype(dtype), affine).to_filename(path)

    first, last = slices[0], slices[-1]
    other = next(k for k in range(drawn.shape[2]) if not handed_out[:, :, k].any() and k not in slices)
    if name == "another shape":
        save(drawn[:, :, 1:])
    elif name == "moved":
        moved = affine.copy()
        moved[0, 3] += 2
        save(drawn, moved)
    elif name == "no position":
        image = nib.Nifti1Image(drawn.astype(np.uint8), np.eye(4))
        image.set_sform(None, 0)
        image.set_qform(None, 0)
        image.to_filename(path)
    elif name == "unknown value":
        drawn[2:5, 3, first] = 9
        save(drawn)
    elif name == "renumbered":
        save(np.array([0, 2, 1, 3, 4])[drawn])
    elif name == "fractions":
        soft = drawn.astype(np.float32)
        soft[1:, :, first] = (soft[1:, :, first] + soft[:-1, :, first]) / 2
        save(soft, dtype=np.float32)
    elif name == "frames":
        save(np.stack([drawn, drawn], -1))
    elif name == "one frame":
        save(drawn[..., None])
    elif name == "a scan":
        image, _ = canonical(f"{folder}/image.nii.gz")
        save(image, dtype=np.int16)
    elif name == "stray":
        drawn[2:5, 3, other] = 1
        save(drawn)
    elif name == "not asked":
        drawn[2:8, 3:9, other] = 1
        save(drawn)
        print(f"{case}:{other}")
    elif name == "half done":
        drawn[:, :, last] = handed_out[:, :, last]
        save(drawn)
        print(f"{case}:{last}")
    elif name == "missing class":
        drawn[:, :, slices[1]][drawn[:, :, slices[1]] == 2] = 0
        save(drawn)
    elif name == "overlap":
        slicer(folder, drawn, affine, overlap=True)
    elif name == "unnamed segment":
        slicer(folder, drawn, affine, names=["done", "two", "one", "unsure"])
        data = open(f"{folder}/labels.seg.nrrd", "rb").read()
        open(f"{folder}/labels.seg.nrrd", "wb").write(data.replace(b"_Name:=two", b"_Name:=Segment_2"))
    elif name == "changed":
        drawn[1:3, 1:3, first] = 2
        save(drawn)
    elif name == "as it should be":
        save(drawn)
    else:
        raise SystemExit(f"no such row: {name}")


def dice(predictions, truth):
    found = {}
    for name in sorted(os.listdir(truth)):
        case = name.removesuffix(".nii.gz")
        path = f"{predictions}/{case}-labels.nii.gz"
        if not os.path.exists(path):
            continue
        a, b = nib.load(path), nib.load(f"{truth}/{name}")
        # The scan's own grid and order of axes.
        assert a.shape == b.shape and np.allclose(a.affine, b.affine, atol=1e-3), case
        a, b = np.asarray(a.dataobj), np.asarray(b.dataobj)
        classes = [2 * ((a == c) & (b == c)).sum() / ((a == c).sum() + (b == c).sum()) for c in (1, 2)]
        found[case] = float(np.mean(classes))
    print(json.dumps(found))


def nnunet(export, history, truth):
    description = json.load(open(f"{export}/dataset.json"))
    ignore = description["labels"]["ignore"]
    assert description["labels"] == {"background": 0, "one": 1, "two": 2, "ignore": 3}, description
    drawn = {}
    for line in map(json.loads, open(history)):
        if line["event"] == "accept":
            drawn.setdefault(line["case"], set()).update(line["slices"])
    names = sorted(os.listdir(f"{export}/labelsTr"))
    assert [f"{case}.nii.gz" for case in sorted(drawn)] == names
    assert description["numTraining"] == len(names)
    for case, slices in drawn.items():
        labels, affine = canonical(f"{export}/labelsTr/{case}.nii.gz")
        image, same = canonical(f"{export}/imagesTr/{case}_0000.nii.gz")
        expected, _ = canonical(f"{truth}/{case}.nii.gz")
        assert np.allclose(affine, same, atol=1e-5) and image.shape == labels.shape
        for k in range(labels.shape[2]):
            if k in slices:
                assert (labels[:, :, k] == expected[:, :, k]).all(), (case, k)
            else:
                assert (labels[:, :, k] == ignore).all(), (case, k)


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "answer":
        answer(arguments[0], arguments[1], arguments[2:])
    else:
        {"scans": scans, "row": row, "dice": dice, "nnunet": nnunet}[command](*arguments)
