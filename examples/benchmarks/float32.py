"""What does float32 data gain, and what does it cost?

    python examples/benchmarks/float32.py

`matrix` is the time in which `solve` builds its Gram matrix from float64 data, divided by that from the same data in float32,
which it multiplies in float32 and corrects by gradients in float64. `Gram` is the same for `Gram.from_blocks`, which has
nothing to correct by and adds up in float64. The fits to oes97 (at lambda_max / 1000, default `tol`) are judged in float64 by
the gap of `squared.relative_gap`: on the float32 data read as float64, which is the problem that was solved, and on the
original data, which rounding has moved.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from problems import SEED, Array, Model, Unavailable
from squared import PROBLEMS, SquaredProblem
from timing import median_seconds, parser, print_load

from solvers import Gram, GroupSparsity, solve
from solvers.regression.problem import design_of

SHAPE, QUICK_SHAPE, N_TARGETS = (200_000, 400), (20_000, 200), 8
RATIO, TOL = 1e-3, 1e-6


def gram_rows(shape: tuple[int, int], repeats: int) -> list[str]:
    """Building times in both precisions."""
    rng = np.random.default_rng(SEED)
    X, Y = rng.standard_normal(shape), rng.standard_normal((shape[0], N_TARGETS))
    single = X.astype(np.float32)
    double_design, single_design = (design_of(data, np.ones(len(X)), centre=True) for data in (X, single))
    inside = median_seconds([double_design.gram, single_design.rough_gram], repeats)
    streamed = median_seconds([partial(Gram.from_blocks, [(data, Y)]) for data in (X, single)], repeats)
    return [ratio_text("matrix", shape, *inside), ratio_text("Gram", shape, *streamed)]


def ratio_text(label: str, shape: tuple[int, int], double: float, single: float) -> str:
    """One line: both times and their ratio."""
    times = f"{1e3 * double:.1f} ms in float64, {1e3 * single:.1f} ms in float32"
    return f"{label:12}{shape[0]} x {shape[1]}: {times}, ratio {double / single:.2f}"


def fit_rows(problem: SquaredProblem) -> list[str]:
    """The gaps of both fits, on the data they had and on the original."""
    rounded = problem.X.astype(np.float32, order="F")
    return [fit_row("float64", problem, problem.X, problem.X), fit_row("float32", problem, rounded, rounded.astype(float))]


def fit_row(label: str, problem: SquaredProblem, X: Any, seen: Array) -> str:
    """One fit: `X` is what the solver gets, `seen` the same in float64."""
    lam = RATIO * problem.lambda_max
    model = Model(solve(X, problem.Y, GroupSparsity(lam), fit_intercept=False, tol=TOL).coef)
    own = SquaredProblem(problem.name, seen, problem.Y).relative_gap(lam, model)
    original = problem.relative_gap(lam, model)
    return f"{f'fit {label}':12}gap {gap_text(own)} on its own data, {gap_text(original)} on the original (tol {TOL:.0e})"


def gap_text(gap: float) -> str:
    """The gap, and whether it meets `tol`."""
    return f"{gap:.1e} ({'met' if gap <= TOL else 'missed'})"


def main() -> None:
    """Print one table."""
    options = parser(__doc__, repeats=5).parse_args()
    print("\n".join(gram_rows(QUICK_SHAPE if options.quick else SHAPE, options.repeats)), flush=True)
    try:
        print("\n".join(fit_rows(PROBLEMS["oes97"]())))
    except Unavailable as reason:
        print(f"{'fit':12}skipped: {reason}")
    print_load()


if __name__ == "__main__":
    main()
