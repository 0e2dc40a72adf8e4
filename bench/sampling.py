"""Where the time of *our* step goes: perf's samples of a warm worker, and oneDNN's own clock.

tch has no profiler, but Linux has one for any process. A sample is put where the code it hit
belongs; what libtorch runs for several purposes (a copy, an addition) is named for what it does.
"""

import re
import shutil
import subprocess

from workers import CACHE, SCRATCH, WORKER, Worker, as_a_run, environment

HERTZ = 999
# Library or symbol → what it is for, by the words in it; the first that fits. oneDNN writes most of
# its code at run time: perf finds no symbol there, and cannot tell one convolution from another.
GROUPS = [
    ("memory: malloc, page faults", ("[kernel", "[guest", "operator new", "operator delete", "cpu_alloc")),
    ("memory: malloc, page faults", ("malloc", "cfree", "_int_free", "unlink_chunk", "memalign", "madvise")),
    ("convolution", ("[jit]", "kernel::convolution", "brgemm", "dnnl::impl::cpu::", "std::array<int, 8ul>")),
    ("normalisation and rectifiers", ("slicewise_model::kernel", "norm_kernel", "groupnorm", "relu")),
    ("pooling", ("max_pool",)),
    ("optimiser", ("lerp", "addcmul", "addcdiv", "div_true", "sqrt", "pow_tensor")),
    # sgemm: the channel attention, float32 convolutions of one voxel.
    ("loss, head and gates", ("softmax", "sigmoid", "log1p", "logf", "expf", "sexp", "index_kernel", "index_put")),
    ("loss, head and gates", ("sgemm", "sgemv", "_sum", "scatter", "gather", "eq_kernel", "ne_kernel")),
    ("copies and casts", ("copy_kernel", "cat_", "fill_", "memmove", "memcpy", "memset", "pad_kernel", "flip_kernel")),
    ("additions and products", ("add_kernel", "mul_kernel", "sub_kernel", "neg_kernel", "where_kernel", "vectorized_loop")),
]
# oneDNN's name of a primitive, with or without its direction → ours.
PRIMITIVES = {
    ("convolution", "forward_training"): "convolution forward",
    ("convolution", "backward_data"): "gradient of features",
    ("convolution", "backward_weights"): "gradient of weights",
    "deconvolution": "up-convolution with its gradients",
    "reorder": "copies into other orders",
}
REST = "rest: autograd, dispatch, oneDNN's look-ups"


def group(symbol: str, library: str) -> str:
    place = "[jit]" if re.search(r"perf-\d+\.map|//anon|\[anon|\[JIT\]|jitted-", library) else library
    text = f"{place.rsplit('/', 1)[-1]} {symbol}".lower()
    for title, words in GROUPS:
        if any(word in text for word in words):
            return title
    return REST


def sample(worker: Worker, seconds: float) -> dict[str, float]:
    """Seconds of one step of a warm `worker` by group. RuntimeError where perf cannot be had."""
    if shutil.which("perf") is None:
        raise RuntimeError("perf is not installed")
    data = SCRATCH / "perf.data"
    # It trains from before perf has started until after it has ended.
    worker.send("train", seconds + 4)
    command = ["perf", "record", "-F", HERTZ, "-o", data, "-p", worker.process.pid, "--", "sleep", seconds]
    recorded = subprocess.run(list(map(str, command)), text=True, capture_output=True)
    trained = worker.receive()
    if recorded.returncode != 0:
        raise RuntimeError("perf record failed: " + (recorded.stderr.strip().splitlines() or ["?"])[0])
    script = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym,dso"], text=True, capture_output=True)
    samples = [found.groups() for found in re.finditer(r"^ *[0-9a-f]+ (.*) \((.*)\)$", script.stdout, re.MULTILINE)]
    if not samples:
        raise RuntimeError("perf took no samples")
    step = trained["seconds"] / trained["count"]
    groups: dict[str, float] = {}
    for symbol, library in samples:
        title = group(symbol, library)
        groups[title] = groups.get(title, 0) + step / len(samples)
    return dict(sorted(groups.items(), key=lambda item: -item[1]))


def onednn(held: dict) -> dict[str, float]:
    """Seconds of one step in each kind of oneDNN's primitives, by its own clock; empty where it
    keeps silent. In a process of its own: a line for each call costs time."""
    lines = subprocess.run(
        [WORKER, "serve", CACHE],
        env=environment(as_a_run() | held | {"ONEDNN_VERBOSE": "1"}),
        input="train 1\ntrain 3\n",
        text=True,
        capture_output=True,
    ).stdout.splitlines()
    answers = [index for index, line in enumerate(lines) if line.startswith("{")]
    _, first, last = answers
    steps = int(re.search(r'"count":(\d+)', lines[last])[1])
    kinds: dict[str, float] = {}
    for line in lines[first:last]:
        fields = line.split(",")
        if fields[0] == "onednn_verbose" and fields[3] == "exec":
            title = PRIMITIVES.get((fields[5], fields[7])) or PRIMITIVES.get(fields[5], fields[5])
            kinds[title] = kinds.get(title, 0) + float(fields[-1]) / 1e3 / steps
    return dict(sorted(kinds.items(), key=lambda item: -item[1]))
