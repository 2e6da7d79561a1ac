"""How many random numbers it takes until their subset sums come within eps of every z in [-1/2, 1/2]: the law behind
`solvers.candidates_needed`, measured.

    python examples/studies/candidates_needed.py --trials 400

Each trial draws numbers one after the other and keeps all subset sums sorted; half the largest gap between neighbours on
[-1/2, 1/2] is the worst error, which can only fall. For each eps the trials thus give a sample of "first n that is enough";
its quantiles are the table, with 95 % intervals from the order statistics.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.stats import binom

EPS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)
DELTAS = (0.5, 0.1, 0.01)


def draw(distribution: str, rng: np.random.Generator, count: int) -> np.ndarray:
    """``uniform``: U[-1, 1]; ``product``: of two such numbers."""
    u = rng.uniform(-1.0, 1.0, count)
    return u if distribution == "uniform" else u * rng.uniform(-1.0, 1.0, count)


def worst_errors(values: np.ndarray) -> np.ndarray:
    """For each n the largest distance of a z in [-1/2, 1/2] from the subset sums of the first n values."""
    sums, worst = np.zeros(1), []
    for value in values:
        # Two sorted runs: the stable sort only merges them.
        sums = np.sort(np.concatenate([sums, sums + value]), kind="stable")
        inside = sums[(sums > -0.5) & (sums < 0.5)]
        below = sums[sums <= -0.5][-1:] if sums[0] <= -0.5 else inside[:0]
        above = sums[sums >= 0.5][:1] if sums[-1] >= 0.5 else inside[:0]
        points = np.concatenate([below, inside, above])
        gaps = [0.0 if len(points) < 2 else 0.5 * float(np.max(np.diff(np.clip(points, -0.5, 0.5))))]
        # At the ends: the nearest sum on either side of the end itself.
        gaps += [float(np.min(np.abs(points - end), initial=np.inf)) for end in (-0.5, 0.5)]
        worst.append(max(gaps))
    return np.array(worst)


def first_enough(distribution: str, trials: int, most: int, seed: int, threads: int) -> np.ndarray:
    """The first n at which the worst error is at most each eps, (trials, len(EPS)); ``most + 1`` where none is."""

    def trial(k: int) -> np.ndarray:
        worst = worst_errors(draw(distribution, np.random.default_rng((seed, k)), most))
        return np.array([1 + int(np.argmax(worst <= eps)) if np.any(worst <= eps) else most + 1 for eps in EPS])

    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(trial, range(trials))))


def quantile_interval(sample: np.ndarray, delta: float) -> tuple[int, int, int]:
    """Smallest n with ``P(enough) >= 1 - delta``, and a 95 % interval from order statistics."""
    ordered, count = np.sort(sample), len(sample)
    point = ordered[min(count - 1, int(np.ceil((1.0 - delta) * count)) - 1)]
    low, high = binom.ppf([0.025, 0.975], count, 1.0 - delta).astype(int)
    return int(point), int(ordered[max(0, low - 1)]), int(ordered[min(count - 1, high)])


def main() -> None:
    """Print both tables and the fitted law."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--most", type=int, default=20, help="numbers drawn in each trial: 2^most sums")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    for distribution in ("uniform", "product"):
        sample = first_enough(distribution, options.trials, options.most, options.seed, options.threads)
        print(f"\n{distribution}, {options.trials} trials: n (95 % interval) for delta = {DELTAS}")
        for e, eps in enumerate(EPS):
            cells = [quantile_interval(sample[:, e], delta) for delta in DELTAS]
            print(f"  {eps:<8g}" + "".join(f"{n:4d} ({low}-{high})".ljust(14) for n, low, high in cells), tuple(cells))
        for d, delta in enumerate(DELTAS):
            points = [(np.log2(1.0 / eps), quantile_interval(sample[:, e], delta)[0]) for e, eps in enumerate(EPS) if eps <= 0.02]
            slope, intercept = np.polyfit(*np.array([point for point in points if point[1] <= options.most]).T, 1)
            print(f"  delta {delta:g}: n ~ {slope:.3f} log2(1/eps) + {intercept:.2f}", d)


if __name__ == "__main__":
    main()
