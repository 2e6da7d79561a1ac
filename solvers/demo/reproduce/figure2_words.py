"""What the page on Figure 2 says: agreement with the record, and an interpretation, all from the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from solvers.demo.reproduce.figure2 import FAIR_START, THRESHOLD, Figure2, Summary
from solvers.demo.reproduce.recipes import BASELINE, DETERMINISTIC, EPOCH_FACTOR, published
from solvers.regression.training.removal import SignVariance


def verdict(summary: Summary, name: str) -> str:
    """``yes``, ``no``, or nothing where no standard deviation was recorded."""
    return {None: "", True: "yes", False: "no"}[summary.agrees(name)]


def make_sentences(figure: Figure2) -> Iterator[str]:
    """What is seen, in plain words with numbers."""
    if figure.scale.share < 1:
        yield (
            f"A rehearsal: {figure.scale.share:.0%} of the draft's epochs, {figure.scale.repeats} trainings per point. The "
            "draft's own results need --scale paper, and so does any reading of them."
        )
    yield from _on_agreement(figure)
    for draft_lam in figure.recipe.figure2:
        baseline, recorded = figure.curve(draft_lam, BASELINE), figure.curve(draft_lam, DETERMINISTIC)
        fair = figure.curve(draft_lam, FAIR_START)
        if baseline and recorded and fair:
            yield _on_cost(draft_lam, baseline[0], recorded[0])
            if figure.scale.share == 1:
                yield _on_lateness(draft_lam, recorded)
                yield _on_the_start(draft_lam, baseline[0], recorded, fair)
    yield (
        "What the running mean's start does: the rule removes an input once a change of its sign has lasted about "
        f"0.158 / (1 - gamma) steps (threshold {THRESHOLD}). The recorded runs started every mean at 1, so a switch that starts "
        "negative counts as one that has just changed sign: about half of the inputs are removed after that many steps, useful "
        "or not, unless they turn positive before. Early, most of the training is left for the others to take over; late, "
        "the model must do without inputs it had come to use, in the epochs that are left, with the small steps that Adagrad "
        "takes by then. Started at its own sign, a switch is removed only after it really crossed zero."
    )
    yield (
        "Without the penalty on A no minimiser exists (Proposition A.3): beta can always shrink while A grows. Every number here "
        "depends on the learning rate and on when training stops."
    )


def _on_agreement(figure: Figure2) -> Iterator[str]:
    for name, words in (("loss", "loss"), ("live", "number of live inputs")):
        verdicts = {s: s.agrees(name) for s in figure.summaries if s.agrees(name) is not None}
        if verdicts:
            apart = [_place(s) for s, agrees in verdicts.items() if not agrees]
            yield (
                f"Our mean {words} lies within two joint standard deviations of the recorded one in "
                f"{len(verdicts) - len(apart)} of {len(verdicts)} places where a standard deviation was recorded"
                + (f"; not at {'; '.join(apart)}." if apart else ".")
            )
    costs = [s.mean("cost") / s.recorded.cost - 1.0 for s in figure.summaries if s.recorded and s.point.variant != BASELINE]
    if costs:
        yield (
            f"Costs with removal, recorded without standard deviation, are between {min(costs):+.0%} and {max(costs):+.0%} "
            "away from the recorded ones."
        )


def _place(s: Summary) -> str:
    return f"λ = {s.point.setting.draft_lam:g}, {s.point.variant}, 1 - gamma = {published(s.point.aggressiveness)}"


def _on_cost(draft_lam: float, baseline: Summary, aggressive: Summary) -> str:
    return (
        f"λ = {draft_lam:g}: removing at the first change of sign (1 - gamma = 1) costs "
        f"{baseline.mean('cost') / aggressive.mean('cost'):.1f} times less than no removal and "
        f"{baseline.mean('seconds') / aggressive.mean('seconds'):.1f} times less time, keeps {aggressive.mean('live'):.1f} "
        f"inputs, and changes the loss by {_paired(aggressive, baseline)}."
    )


def _on_lateness(draft_lam: float, curve: Sequence[Summary]) -> str:
    first, *others = curve
    worst = max(curve, key=lambda s: s.mean("loss"))
    steps = SignVariance(1.0 - worst.point.aggressiveness).steps_to_removal
    higher, dearer = (sum(s.mean(name) > first.mean(name) for s in others) for name in ("loss", "cost"))
    return (
        f"λ = {draft_lam:g}, as recorded: of the {len(others)} less aggressive settings, {dearer} cost more than removal at the "
        f"first change of sign, and {higher} end with a higher mean loss. The highest, {worst.mean('loss'):.4f}, is at "
        f"1 - gamma = {published(worst.point.aggressiveness)}, where a change of sign has to last {steps} of "
        f"{worst.point.setting.n_epochs} epochs: {_paired(worst, first)} against the first change of sign, at "
        f"{worst.mean('cost') / first.mean('cost'):.1f} times the cost."
    )


def _on_the_start(draft_lam: float, baseline: Summary, recorded: Sequence[Summary], fair: Sequence[Summary]) -> str:
    rise, fair_rise = (max(s.mean("loss") for s in curve) / baseline.mean("loss") - 1.0 for curve in (recorded, fair))
    return (
        f"λ = {draft_lam:g}, with the running mean started at each switch's own sign: over all gamma the largest mean loss is "
        f"{fair_rise:+.1%} against no removal, instead of {rise:+.1%} as recorded."
    )


def _paired(one: Summary, other: Summary) -> str:
    """Mean difference of the losses of runs from the same start, with its standard error, relative to ``other``."""
    n = min(len(one.runs), len(other.runs))
    differences = np.array([one.runs[k]["loss"] - other.runs[k]["loss"] for k in range(n)]) / other.mean("loss")
    error = float(np.std(differences, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return f"{float(np.mean(differences)):+.1%} (standard error {error:.1%})"


def make_notes(figure: Figure2) -> tuple[str, ...]:
    """How the numbers are defined."""
    recipe = "" if figure.known else f" No recipe of this dataset is known: these are the settings of {figure.recipe.name}."
    return (
        *figure.data.notes,
        f"Settings: full-batch Adagrad from random starts, {EPOCH_FACTOR} times the epochs of Figure 1, lam2 = 0, sign variance "
        f"with threshold {THRESHOLD}, running mean started at 1 as in the scripts that made the recorded data.{recipe} The "
        "draft's loss is a mean over samples and outputs: λ is multiplied by half the number of outputs here, losses "
        "divided by it.",
        "The runs of one repeat start from the same point everywhere in the figure, so differences are taken in pairs.",
        "Cost: live inputs, summed over the epochs, the draft's measure. Seconds are wall time on this machine, with whatever "
        "else ran on it.",
        "Below gamma = 0.875 a single step of the other sign removes: those points are the same experiment. Recorded values "
        "differ there as far as independent random starts do.",
        "Randomized removal drops an input with probability v / threshold at each step, v being the variance of its sign.",
        f"'{FAIR_START}' is not in the draft: deterministic removal, with the running mean started at the switch's own sign.",
        "No certificate: training proves nothing about its result.",
    )
