"""What an expert would try to make PyTorch fast, and the search for the fastest of it.

A full search is affordable only over what is cheap: arithmetic, memory order and kernel of the
normalisation. The rest is tried with the fastest of these, one choice after another.
"""

import dataclasses
import itertools
import time

# torch.compile takes minutes on a slow machine; what it has made is kept for the next call.
COMPILE_SECONDS = 240
EAGER_SECONDS = 60
# After so long no further compilation is begun.
BUDGET_SECONDS = 300
# A precision whose first trial is slower than this share of the best is given up.
HOPELESS = 0.6
# A compiled one that is within this share of the fastest is tried with the other norm and order too.
NEAR = 0.95
EAGER = [
    {"precision": precision, "memory_format": memory_format, "norm": norm}
    for precision, memory_format, norm in itertools.product(
        ("float32", "bfloat16"), ("channels-last", "contiguous"), ("group", "instance")
    )
]


def words(setting: dict) -> str:
    compiled = ", compiled" if setting.get("compile") else ""
    return f"{setting.get('precision', 'float32')}, {setting.get('memory_format', 'contiguous')}, {setting.get('norm', 'instance')} norm{compiled}"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a setting runs: how many processes, of how many threads, with whose allocator."""

    processes: int
    threads: int
    our_allocator: bool

    def words(self) -> str:
        memory = ", our allocator's settings" if self.our_allocator else ""
        count = "one process" if self.processes == 1 else f"{self.processes} processes"
        return f"{count} of {self.threads} thread{'s' * (self.threads > 1)}{memory}"


@dataclasses.dataclass
class Best:
    setting: dict
    place: Place
    predicting: dict

    def words(self) -> str:
        other = "" if self.predicting == self.setting else f" (predicting: {words(self.predicting)})"
        return f"{words(self.setting)}, {self.place.words()}{other}"


def flipped(setting: dict, what: str) -> dict:
    """The setting with another norm or another order."""
    other = {"group": "instance", "instance": "group", "contiguous": "channels-last", "channels-last": "contiguous"}
    return setting | {what: other[setting[what]]}


def search(measure, cores: int, say) -> Best:
    """`measure(setting, place, patience, floor)` gives steps a second and, where they reach `floor`,
    volumes a second, else 0; RuntimeError where it cannot be done."""
    side_by_side, start = Place(cores, 1, False), time.monotonic()
    tried: list[tuple[float, dict]] = []
    predictions: list[tuple[float, dict]] = []

    def attempt(setting: dict, place: Place, patience: float, floor: float) -> float:
        setting = setting | {"expert": True}
        try:
            steps, volumes = measure(setting, place, patience, floor)
        except RuntimeError as error:
            say(f"  {words(setting)}, {place.words()}: not possible here ({error})")
            return 0.0
        say(f"  {words(setting)}, {place.words()}: {steps:.2f} steps/s" + (f", {volumes:.2f} volumes/s" if volumes else ""))
        if place == side_by_side:
            tried.append((steps, setting))
            predictions.append((volumes, setting))
        return steps

    fastest = lambda: max(tried, key=lambda pair: pair[0], default=(0.0, {}))
    given_up = set()
    for setting in EAGER:
        precision = setting["precision"]
        if precision in given_up:
            continue
        least = HOPELESS * fastest()[0]
        if attempt(setting, side_by_side, EAGER_SECONDS, least) < least and precision != "float32":
            say(f"  {precision} is given up")
            given_up.add(precision)
    if not tried:
        raise SystemExit("bench: PyTorch trains with no setting; see the peers' logs in target/bench")
    so_far, eager = fastest()
    compiled = eager | {"compile": True}
    if attempt(compiled, side_by_side, COMPILE_SECONDS, so_far) > NEAR * so_far:
        for what in ("norm", "memory_format"):
            so_far, current = fastest()
            if time.monotonic() - start > BUDGET_SECONDS:
                say(f"  compiled with the other {what}: not tried, {BUDGET_SECONDS} s are over")
                continue
            attempt(flipped(current, what) | {"compile": True}, side_by_side, COMPILE_SECONDS, so_far)
    rate, setting = fastest()
    place = side_by_side
    for other in (Place(cores, 1, True), Place(1, cores, False), Place(1, cores, True)):
        reached = attempt(setting, other, COMPILE_SECONDS if setting.get("compile") else EAGER_SECONDS, 0)
        if reached > rate:
            rate, place = reached, other
    return Best(setting, place, max(predictions, key=lambda pair: pair[0])[1])
