"""The instruction sets that are measured: this machine's own, and lesser ones that it is held to.

Both sides are held by variables: oneDNN's, which our own loops obey too, ATen's, which torch.compile
obeys too, and MKL's for matrix products. So one machine stands for lesser ones, though not for their
clock or memory.
"""

import dataclasses
import json
import subprocess

from workers import WORKER, environment

# What `--sets` calls it → its name as slicewise says it, and the variables that hold to it.
LESSER = {
    "avx512-bf16": ("AVX512-BF16", "AVX512_CORE_BF16", "avx512", "AVX512"),
    "avx512": ("AVX-512", "AVX512_CORE", "avx512", "AVX512"),
    "avx2": ("AVX2", "AVX2", "avx2", "AVX2"),
}
# Where AMX is, AVX512-BF16 is measured only when it is asked for.
BY_DEFAULT = ["native", "avx512", "avx2"]


@dataclasses.dataclass(frozen=True)
class InstructionSet:
    key: str
    name: str
    # Ours on it; bfloat16 where the processor multiplies it.
    precision: str
    native: bool
    held: dict

    def place(self) -> str:
        return "all that this processor has" if self.native else "the same processor held to it"


def ask(held: dict) -> dict:
    done = subprocess.run([WORKER, "instructions"], env=environment(held), check=True, text=True, capture_output=True)
    return json.loads(done.stdout)


def sets() -> dict[str, InstructionSet]:
    """The sets of this machine, the greatest first."""
    own = ask({})
    found = {"native": InstructionSet("native", own["name"], own["precision"], True, {})}
    for key, (name, onednn, aten, mkl) in LESSER.items():
        held = {"ONEDNN_MAX_CPU_ISA": onednn, "ATEN_CPU_CAPABILITY": aten, "MKL_ENABLE_INSTRUCTIONS": mkl}
        answer = ask(held)
        # A greater set than the machine's is not to be had, and its own is there already.
        if answer["name"] == name != own["name"]:
            found[key] = InstructionSet(key, name, answer["precision"], False, held)
    return found


def chosen(words: str | None) -> list[InstructionSet]:
    """The sets that `--sets` names; what the machine has not is an error."""
    have = sets()
    # Its own set may be called by its name.
    own = next((key for key, (name, *_) in LESSER.items() if name == have["native"].name), "native")
    names = words.split(",") if words else [key for key in BY_DEFAULT if key in have]
    keys = list(dict.fromkeys("native" if name == own else name for name in names))
    for key in keys:
        if key not in have:
            known = ", ".join(have)
            raise SystemExit(f"bench: --sets: expected some of {known} (this machine has {have['native'].name}), got {key}")
    return [have[key] for key in keys]
