"""What the draft's regression experiments used and recorded: penalty strengths, learning rates, epochs, results.

Source: the authors' published scripts and results (repository mitdbg/fastdeepnets). Strengths are the draft's: its loss is a mean
over samples and outputs, so that ``lam = draft_lam * n_targets / 2`` here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Setting(NamedTuple):
    """One training of the draft: its lambda, learning rate ``10^-exponent`` and epochs."""

    draft_lam: float
    exponent: float
    n_epochs: int

    @property
    def lr(self) -> float:
        """The learning rate."""
        return float(10.0**-self.exponent)


class Outcome(NamedTuple):
    """Recorded means of Figure 2, standard deviations where they are known; losses normalised to [0, 1]."""

    loss: float
    loss_sd: float | None
    live: float
    live_sd: float | None
    cost: int


Key = tuple[float, str, str]
"""The draft's lambda, the variant, and ``1 - gamma`` as it was published, to two digits."""


@dataclass(frozen=True)
class Recipe:
    """The experiments on one dataset.

    Attributes
    ----------
    name : str
        The dataset.
    shape : (n_samples, n_features, n_targets)
        By which it is recognised.
    group, shrink : tuple of Setting
        Figure 1, group sparsity and ShrinkNet.
    figure1 : dict of str to tuple of (sparsity, loss)
        Its points, digitised from the vector graphic, in the order of the settings.
    figure2 : tuple of float
        The draft's lambdas of Figure 2; settings as in ``shrink`` with three times as many epochs.
    recorded : dict of Key to Outcome
        Published results of Figure 2.
    """

    name: str
    shape: tuple[int, int, int]
    group: tuple[Setting, ...]
    shrink: tuple[Setting, ...]
    figure1: dict[str, tuple[tuple[float, float], ...]]
    figure2: tuple[float, ...]
    recorded: dict[Key, Outcome]


LAM2 = 1e-8
"""The draft's lambda 2 in Figure 1; in Figure 2 it is 0."""

EPOCH_FACTOR = 3
"""Figure 2 trains this many times as long as Figure 1."""

REPEATS = 30

AGGRESSIVENESS = tuple(float(x) for x in 10.0 ** -np.linspace(0.0, 5.0, 15))
"""``1 - gamma`` in Figure 2."""

DETERMINISTIC, RANDOMIZED, BASELINE = "deterministic", "randomized", "no removal"

OES97 = Recipe(
    name="oes97",
    shape=(334, 263, 16),
    group=(
        Setting(1, 3, 2000),
        Setting(0.36, 2.6, 6000),
        Setting(0.1, 2.2, 6000),
        Setting(0.036, 2.2, 10000),
        Setting(0.01, 2.2, 10000),
        Setting(0.0036, 2.15, 100000),
        Setting(0.001, 2.1, 100000),
    ),
    shrink=(
        Setting(10, 1.2, 1000),
        Setting(3.6, 1.275, 7000),
        Setting(1, 1.35, 7000),
        Setting(0.36, 1.35, 7000),
        Setting(0.1, 1.35, 7000),
        Setting(0.036, 1.325, 10000),
        Setting(0.01, 1.3, 10000),
        Setting(0.0036, 1.5, 15000),
        Setting(0.001, 1.75, 15000),
        Setting(0.00036, 1.85, 100000),
        Setting(0.0001, 1.95, 100000),
    ),
    figure1={
        "group": (
            *((1.0, 0.9951), (0.9620, 0.7614), (0.9011, 0.2443), (0.7871, 0.1494)),
            *((0.6388, 0.0955), (0.3954, 0.0657), (0.1255, 0.0384)),
        ),
        "shrink": (
            *((1.0, 0.9973), (1.0, 0.9970), (0.9962, 0.3503), (0.9962, 0.3001), (0.9886, 0.2332), (0.9772, 0.1768)),
            *((0.9316, 0.1214), (0.8441, 0.0901), (0.5513, 0.0568), (0.3004, 0.0336), (0.0532, 0.0196)),
        ),
    },
    figure2=(0.1, 0.0036),
    recorded={
        (0.1, BASELINE, "0"): Outcome(0.2201, 0.0156, 263, None, 5_523_000),
        (0.1, DETERMINISTIC, "1"): Outcome(0.2218, 0.0227, 3.2, 1.2, 90_143),
        (0.1, DETERMINISTIC, "7.2e-3"): Outcome(0.2300, 0.0148, 2.8, None, 101_628),
        (0.1, DETERMINISTIC, "1e-5"): Outcome(0.2424, 0.0234, 260.6, None, 5_514_141),
        (0.1, RANDOMIZED, "1.9e-1"): Outcome(0.2178, 0.0147, 3.2, None, 90_303),
        (0.0036, BASELINE, "0"): Outcome(0.0864, 0.0019, 263, None, 11_835_000),
        (0.0036, DETERMINISTIC, "1"): Outcome(0.0906, 0.0026, 36.6, 3.1, 1_755_258),
        (0.0036, DETERMINISTIC, "1.9e-1"): Outcome(0.0889, 0.0031, 37.4, None, 1_796_265),
        (0.0036, DETERMINISTIC, "2.7e-4"): Outcome(0.0933, 0.0027, 38.8, None, 2_301_946),
        (0.0036, DETERMINISTIC, "1e-5"): Outcome(0.1006, 0.0034, 87.1, None, 8_854_966),
    },
)

SCM1D = Recipe(
    name="scm1d",
    shape=(9803, 280, 16),
    group=(
        Setting(1, 2, 2000),
        Setting(0.36, 2.1, 4000),
        Setting(0.1, 2.2, 4000),
        Setting(0.036, 2.15, 8000),
        Setting(0.01, 2.1, 8000),
        Setting(0.0036, 2.1, 15000),
        Setting(0.001, 2.1, 15000),
        Setting(0.00036, 2.1, 15000),
        Setting(0.0001, 2.1, 15000),
    ),
    shrink=(
        Setting(10, 1.2, 1000),
        Setting(3.6, 1.2, 2000),
        Setting(1, 1.2, 2000),
        Setting(0.36, 1.2, 2000),
        Setting(0.1, 1.2, 2000),
        Setting(0.036, 1.2, 2500),
        Setting(0.01, 1.3, 2500),
        Setting(0.0036, 1.5, 10000),
        Setting(0.001, 1.75, 10000),
        Setting(0.00036, 1.85, 100000),
        Setting(0.0001, 1.95, 100000),
    ),
    figure1={
        "group": (
            *((1.0, 0.9967), (1.0, 0.9922), (0.9393, 0.3919), (0.8464, 0.2309), (0.7036, 0.1676)),
            *((0.5286, 0.1539), (0.2393, 0.1442), (0.0786, 0.1400), (0.0, 0.1376)),
        ),
        "shrink": (
            *((0.9893, 0.9986), (1.0, 0.9996), (0.9964, 0.6089), (0.9893, 0.4551), (0.9786, 0.3246), (0.9571, 0.2512)),
            *((0.9143, 0.1875), (0.8714, 0.1668), (0.7571, 0.1522), (0.5571, 0.1434), (0.2143, 0.1385)),
        ),
    },
    figure2=(0.1, 0.001),
    recorded={
        (0.1, BASELINE, "0"): Outcome(0.2898, 0.0168, 280, None, 1_680_000),
        (0.1, DETERMINISTIC, "1"): Outcome(0.3206, 0.0286, 5.9, 1.0, 46_085),
        (0.1, DETERMINISTIC, "3.7e-2"): Outcome(0.3297, 0.0227, 5.7, None, 48_554),
        (0.1, DETERMINISTIC, "1.4e-3"): Outcome(0.3457, 0.0408, 5.7, None, 109_541),
        (0.1, DETERMINISTIC, "1.2e-4"): Outcome(0.3624, 0.0460, 8.1, None, 847_565),
        (0.1, DETERMINISTIC, "2.3e-5"): Outcome(0.2998, 0.0204, 280, None, 1_680_000),
        (0.1, RANDOMIZED, "1"): Outcome(0.3214, None, 5.6, None, 45_341),
        (0.1, RANDOMIZED, "1.4e-3"): Outcome(0.3415, None, 5.3, None, 105_361),
        (0.001, BASELINE, "0"): Outcome(0.1514, 0.0006, 280, None, 8_400_000),
        (0.001, DETERMINISTIC, "1"): Outcome(0.1663, 0.0082, 62.4, 3.8, 1_966_988),
        (0.001, DETERMINISTIC, "1.6e-2"): Outcome(0.1659, 0.0088, 63.0, None, 2_042_020),
        (0.001, DETERMINISTIC, "5.2e-5"): Outcome(0.1657, 0.0060, 61.1, None, 3_320_430),
        (0.001, DETERMINISTIC, "1e-5"): Outcome(0.1680, 0.0096, 165.7, None, 7_377_299),
        (0.001, RANDOMIZED, "1.9e-1"): Outcome(0.1625, 0.0046, 62.7, None, 1_973_513),
    },
)

RECIPES = (OES97, SCM1D)


def recipe_for(shape: tuple[int, int, int]) -> tuple[Recipe, bool]:
    """The recipe of the dataset of this shape, and whether it is known; scm1d's for any other."""
    for recipe in RECIPES:
        if recipe.shape == shape:
            return recipe, True
    return SCM1D, False


def published(aggressiveness: float) -> str:
    """``1 - gamma`` with two digits, as in the published table: ``1``, ``7.2e-3``, ``1e-5``, ``0``."""
    if aggressiveness in (0.0, 1.0):
        return f"{aggressiveness:.0f}"
    mantissa, exponent = f"{aggressiveness:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
