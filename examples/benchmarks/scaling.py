"""How does the time of `solve` grow with samples, features and outputs?

    python examples/benchmarks/scaling.py

One call at lambda_max / 10 to a gap of 1e-6, on generated problems (AR(0.5) columns, 20 of them active). Each size in
turn is doubled three times while the others stay; `slope` is that of a line through the logarithms: 1 is linear growth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from multinomial import MultinomialProblem, drawn
from problems import SEED, Problem, autoregressive, standardised
from squared import planted, prepared
from timing import median_seconds, parser, print_load

from solvers import GroupSparsity, solve

N_ACTIVE, TOL, SHARE = 20, 1e-6, 0.1
FACTORS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Sizes:
    """Samples, features and outputs (targets or classes)."""

    n: int
    p: int
    T: int


def squared(sizes: Sizes) -> Problem:
    """Least squares with planted coefficients."""
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, sizes.n, sizes.p, rho=0.5)
    return prepared("squared", X, planted(rng, X, n_targets=sizes.T, n_active=N_ACTIVE, noise=0.5))


def multinomial(sizes: Sizes) -> Problem:
    """Labels from planted coefficients, weaker with more classes so that none becomes certain."""
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, sizes.n, sizes.p, rho=0.5)
    labels = drawn(rng, X, n_classes=sizes.T, n_active=N_ACTIVE, strength=0.5)
    return MultinomialProblem("multinomial", standardised(X), labels)


# Where each sweep begins: the size that varies is the smallest of its four.
LOSSES: dict[str, tuple[Callable[[Sizes], Problem], dict[str, Sizes]]] = {
    "squared": (squared, {"n": Sizes(5_000, 200, 8), "p": Sizes(10_000, 100, 8), "T": Sizes(10_000, 200, 4)}),
    "multinomial": (multinomial, {"n": Sizes(2_000, 100, 4), "p": Sizes(4_000, 50, 4), "T": Sizes(4_000, 100, 3)}),
}


def solve_once(problem: Problem) -> None:
    """The call that is timed."""
    penalty = GroupSparsity(SHARE * problem.lambda_max)
    solve(problem.X, problem.Y, penalty, loss=problem.loss, fit_intercept=problem.has_intercept, tol=TOL)


def sweep(build: Callable[[Sizes], Problem], first: Sizes, varied: str, repeats: int) -> tuple[list[int], list[float]]:
    """The values of the size that varies, and the seconds at each."""
    values = [factor * getattr(first, varied) for factor in FACTORS]
    problems = [build(replace(first, **{varied: value})) for value in values]
    _ = [problem.lambda_max for problem in problems]  # kept by the problem, so that its time does not count
    return values, median_seconds([partial(solve_once, problem) for problem in problems], repeats)


def row(loss: str, first: Sizes, varied: str, values: list[int], seconds: list[float]) -> str:
    """One aligned line of the table."""
    fixed = ", ".join(f"{name} {getattr(first, name)}" for name in ("n", "p", "T") if name != varied)
    cells = "".join(f"{f'{value}: {1e3 * taken:.1f} ms':>21}" for value, taken in zip(values, seconds, strict=True))
    slope = np.polyfit(np.log(values), np.log(seconds), 1)[0]
    return f"{loss:13}{varied:8}{fixed:18}{cells}{slope:>8.2f}"


def quick_sizes(first: Sizes) -> Sizes:
    """A tenth of the samples."""
    return replace(first, n=first.n // 10)


def main() -> None:
    """Print one line for each loss and size."""
    options = parser(__doc__, repeats=5).parse_args()
    print(f"{'loss':13}{'varied':8}{'fixed':18}" + "".join(f"{f'x {factor}':>21}" for factor in FACTORS) + f"{'slope':>8}")
    for loss, (build, sweeps) in LOSSES.items():
        for varied, first in sweeps.items():
            first = quick_sizes(first) if options.quick else first
            print(row(loss, first, varied, *sweep(build, first, varied, options.repeats)), flush=True)
    print_load()


if __name__ == "__main__":
    main()
