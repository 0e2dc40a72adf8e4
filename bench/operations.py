"""Where the time of a training step goes, as a table to read."""

# Operation → what it is for, by the words in its name; the first that fits.
KINDS = [
    ("optimiser", ("adam", "_foreach", "lerp")),
    ("normalisation", ("norm",)),
    ("up-convolution", ("transpose",)),
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


def step_table(flops: list, operations: dict[str, float], shares: dict[str, float], setting: str) -> str:
    """Markdown: the counted work, the share of the ceiling, and time by operation."""
    total = sum(amount for _, amount in flops)
    lines = [
        "Work of one training step (batch 2 of 32×64×48, width 8, 4 levels, 9 classes), counted from its convolutions:",
        "2 · kernel · inputs · outputs · output voxels forward, as much again for the gradient of the features and",
        "for that of the weights (the first convolution and the head's attention need none of the features).",
        f"Together {total / 1e9:.2f} GFLOP. Share of a 2048³ bf16 matrix product of the same libtorch, one thread, same run:",
        ", ".join(f"{name} {share:.1%}" for name, share in shares.items()) + ".",
        "",
        "| part | GFLOP | share |",
        "|---|---:|---:|",
    ]
    parts: dict[str, float] = {}
    for name, amount in flops:
        part = name.split(".")[0] if "upsampling" not in name else "upsampling"
        parts[part] = parts.get(part, 0) + amount
    lines += [f"| {part} | {amount / 1e9:.2f} | {amount / total:.1%} |" for part, amount in parts.items()]
    seconds = sum(operations.values())
    kinds: dict[str, float] = {}
    for operation, amount in operations.items():
        kinds[kind(operation)] = kinds.get(kind(operation), 0) + amount
    lines += [
        "",
        f"Where the time goes, by PyTorch's profiler over the *peer's* step ({setting}, one thread): tch has no",
        "profiler of its own, and the peer calls the same kernels. The profiler itself costs time.",
        "",
        "| operation | ms a step | share |",
        "|---|---:|---:|",
    ]
    ordered = sorted(kinds.items(), key=lambda item: -item[1])
    lines += [f"| {name} | {amount * 1e3:.1f} | {amount / seconds:.1%} |" for name, amount in ordered]
    lines += ["", "The ten largest single operations:", "", "| operation | ms a step | share |", "|---|---:|---:|"]
    lines += [f"| `{name}` | {amount * 1e3:.1f} | {amount / seconds:.1%} |" for name, amount in list(operations.items())[:10]]
    return "\n".join(lines) + "\n"
