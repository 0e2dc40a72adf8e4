"""The sweep of bench/sweep.yaml as a straightforward PyTorch script: `sweep.py EXPORT DATA OUT`.

One run after another with PyTorch's defaults; each strategy goes on from the same first round.
Every round: annotate, train, train a copy for the rest of the budget, segment all cases with it, score
them, choose the next slices, write a record.
"""

import copy
import json
import pathlib
import sys

import numpy as np

from training import Crops, Setting, Trainer, class_weights, read_cases
from volumes import by_numpy

FIRST_EVERY, FIRST_STEPS, BUDGET = 16, 10, 20
RATIOS = [0.25, 0.5]
PART_A = 3


def spread(annotated: np.ndarray, budget: int) -> list[int]:
    """The slices farthest from all annotated ones, one after another."""
    known = annotated.copy()
    chosen = []
    for _ in range(budget):
        near = np.r_[-1, np.flatnonzero(known), len(known)]
        distance = np.abs(np.arange(len(known))[:, None] - near).min(1)
        chosen.append(int(distance.argmax()))
        known[chosen[-1]] = True
    return chosen


def choose(strategy: str, scores: dict, prediction: dict, annotated: np.ndarray, ratio: float, random) -> list[int]:
    """The slices that bring a case to the ratio."""
    budget = max(round(ratio * len(annotated)) - int(annotated.sum()), 0)
    if strategy == "equal-interval":
        return spread(annotated, budget)
    probabilities = prediction["probabilities"].astype(np.float64)
    value = {
        "random": lambda: random.random(len(annotated)),
        "uncertainty": lambda: -(probabilities * np.log(np.maximum(probabilities, 1e-300))).sum((0, 2, 3)),
        "attention-guided": lambda: 1 - scores["p_accuracy"],
    }[strategy]()
    return list(np.argsort(np.where(annotated, -np.inf, value))[::-1][:budget])


def main() -> None:
    export, data, out = (pathlib.Path(argument) for argument in sys.argv[1:])
    settings = json.loads((export / "settings.json").read_text())
    cases = read_cases(data, settings["margin_mm"], settings["spacing_mm"])
    part_a = cases[:PART_A]
    random = np.random.default_rng(1)
    out.mkdir(parents=True, exist_ok=True)

    def train(trainer: Trainer, annotated: list[np.ndarray], steps: int) -> None:
        crops = Crops(part_a, annotated, settings["training"], seed=1)
        weights = class_weights(part_a, annotated, trainer.classes, settings["training"]["class_weight_power"])
        for _ in range(steps):
            trainer.step(*crops.draw(), weights)

    def evaluate(trainer: Trainer, annotated: list[np.ndarray], left: int, name: str) -> list[tuple[dict, dict]]:
        """Scores after the steps left of the budget, which the next round does not go on from."""
        if left > 0:
            trainer = copy.deepcopy(trainer)
            train(trainer, annotated, left)
        results = []
        for case in cases:
            prediction = trainer.predict(case.image)
            results.append((by_numpy(case.labels, prediction["sr1"], prediction["sr2"]), prediction))
        record = [{key: values.tolist() for key, values in scores.items()} for scores, _ in results]
        (out / f"{name}.json").write_text(json.dumps(record))
        return results

    full = Trainer(settings, Setting())
    all_slices = [np.ones(len(case.image), bool) for case in part_a]
    train(full, all_slices, BUDGET)
    evaluate(full, all_slices, 0, "full")

    first = Trainer(settings, Setting())
    every = [np.arange(len(case.image)) % FIRST_EVERY == FIRST_EVERY // 2 for case in part_a]
    train(first, every, FIRST_STEPS)
    after_first = evaluate(first, every, BUDGET - FIRST_STEPS, "first")
    for strategy in ["random", "equal-interval", "uncertainty", "attention-guided"]:
        trainer, annotated, results = copy.deepcopy(first), copy.deepcopy(every), after_first
        steps = FIRST_STEPS
        for number, ratio in enumerate(RATIOS, start=1):
            for slices, (scores, prediction) in zip(annotated, results):
                slices[choose(strategy, scores, prediction, slices, ratio, random)] = True
            after = FIRST_STEPS + (BUDGET - FIRST_STEPS) * number // len(RATIOS)
            train(trainer, annotated, after - steps)
            results = evaluate(trainer, annotated, BUDGET - after, f"{strategy}-{ratio}")
            steps = after


if __name__ == "__main__":
    main()
