"""Where the time of a training step goes, as a table to read."""

# Operation → what it is for, by the words in its name; the first that fits.
KINDS = [
    ("optimiser", ("adam", "_foreach", "lerp")),
    ("normalisation", ("norm",)),
    # The up-convolution too: its time is under `aten::_convolution` and `aten::convolution_backward`.
    ("convolution", ("conv",)),
    ("loss and head", ("softmax", "nll", "one_hot", "scatter", "log_sigmoid", "cross_entropy", "aten::eq", "aten::ne", "aten::sum")),
    ("pooling", ("pool",)),
    ("rectifiers and gates", ("leaky_relu", "sigmoid", "relu")),
    ("copies and casts", ("copy", "contiguous", "::to", "cat", "clone", "fill", "zero", "empty", "stack", "index", "slice", "pad")),
    ("compiled kernels", ("inductor", "compiled", "cpp_fused", "graph")),
]


def kind(operation: str) -> str:
    name = operation.lower()
    for title, words in KINDS:
        if any(word in name for word in words):
            return title
    return "elementwise and rest"


def work_done(flops: list, settings: dict) -> list:
    """What of the counted work ours does: maps and spatial attention of the head on annotated
    slices alone, of which a crop holds every n-th."""
    head = ("head.maps", "head.spatial")
    return [(name, amount / settings["every"] if name in head else amount) for name, amount in flops]


def by_part(flops: list) -> dict[str, float]:
    parts: dict[str, float] = {}
    for name, amount in flops:
        part = name.split(".")[0] if "upsampling" not in name else "upsampling"
        parts[part] = parts.get(part, 0) + amount
    return parts


def times(title: str, seconds: dict[str, float]) -> list[str]:
    """A Markdown table of the seconds of one step."""
    total = sum(seconds.values())
    rows = [f"| {name} | {amount * 1e3:.1f} | {amount / total:.1%} |" for name, amount in seconds.items()]
    return ["", f"| {title} | ms a step | share |", "|---|---:|---:|", *rows]


def step_table(
    settings: dict,
    flops: list,
    shares: dict[str, float],
    samples: dict[str, float] | str,
    primitives: dict[str, float],
    operations: dict[str, float],
    setting: str,
    place: str,
) -> str:
    """Markdown: the counted work, the share of the ceiling, and where the time goes, ours and the
    peer's. `shares`: by whose step and of what; `place`: machine and instruction set; `samples`: seconds of our step by what for, or why there are none; `primitives`: seconds
    in oneDNN's; `operations`: the peer's seconds by operation."""
    model, training = settings["model"], settings["training"]
    total = sum(amount for _, amount in flops)
    ours = work_done(flops, settings)
    done = sum(amount for _, amount in ours)
    nominal = next(share for name, share in shares.items() if name.startswith("ours")) * total / done
    lines = [
        f"Made by {place}.",
        "",
        f"Work of one training step (batch {training['batch']} of {'×'.join(map(str, training['crop']))},"
        f" width {model['base_width']}, {model['levels']} levels, {settings['classes']} classes), counted from its convolutions:",
        "2 · kernel · inputs · outputs · output voxels forward, as much again for the gradient of the features and",
        "for that of the weights (the first convolution and the head's attention need none of the features).",
        f"The network's is {total / 1e9:.2f} GFLOP, and the peer does all of it. Ours computes the head's maps and spatial",
        f"attention on annotated slices alone, every {settings['every']}th: {done / 1e9:.2f} GFLOP.",
        "",
        "Share of a 2048³ matrix product of the same libtorch version, one thread, same instruction set, same run, for",
        "the work done: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        + f". By the network's work, done or not, ours would have {nominal:.1%}.",
        "",
        "| part | GFLOP | share | done by ours |",
        "|---|---:|---:|---:|",
    ]
    parts, own = by_part(flops), by_part(ours)
    lines += [f"| {part} | {amount / 1e9:.2f} | {amount / total:.1%} | {own[part] / 1e9:.2f} |" for part, amount in parts.items()]
    lines += ["", "## Ours", ""]
    if isinstance(samples, str):
        lines += [f"Where the time of our step goes is not known here: {samples}."]
    else:
        lines += [
            "Where the time goes, by Linux `perf` over our warm step, one thread. The up-convolution is among the",
            "convolutions: oneDNN's code has no names for perf to tell it by.",
            *times("what for", samples),
        ]
    if primitives:
        lines += [
            "",
            "In oneDNN, by its own clock in another run (`ONEDNN_VERBOSE=1`), ms a step: "
            + ", ".join(f"{name} {amount * 1e3:.1f}" for name, amount in primitives.items())
            + ".",
        ]
    kinds: dict[str, float] = {}
    for operation, amount in operations.items():
        kinds[kind(operation)] = kinds.get(kind(operation), 0) + amount
    seconds = sum(operations.values())
    lines += [
        "",
        "## Best PyTorch",
        "",
        f"Where the time goes, by PyTorch's profiler over the peer's step ({setting}, one thread). The",
        "profiler itself costs time. The up-convolution is among the convolutions.",
        *times("operation", dict(sorted(kinds.items(), key=lambda item: -item[1]))),
        "",
        "The ten largest single operations:",
        "",
        "| operation | ms a step | share |",
        "|---|---:|---:|",
    ]
    lines += [f"| `{name}` | {amount * 1e3:.1f} | {amount / seconds:.1%} |" for name, amount in list(operations.items())[:10]]
    return "\n".join(lines) + "\n"
