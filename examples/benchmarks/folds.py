"""What does cross-validation save over a path for each fold?

    python examples/benchmarks/folds.py

`GroupSparsityRegressorCV` with 10 folds on 10 samples for each feature, against as many calls of `solve_path` on the same
training parts and values of lam. The estimator also solves the path on all data and computes the held-out losses; the
third column has the calls with those two, by hand.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from problems import SEED, Array, autoregressive
from sklearn.model_selection import KFold
from squared import SquaredProblem, planted, prepared
from timing import median_seconds, parser, print_load

from solvers import GroupSparsityRegressorCV, Path, solve_path

K, SAMPLES_PER_FEATURE, N_TARGETS = 10, 10, 8
SIZES, QUICK_SIZES = (50, 100, 200, 400), (50,)
N_LAMS, QUICK_LAMS = 100, 20


def generated(p: int) -> SquaredProblem:
    """AR(0.5) columns, a tenth of them active."""
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, SAMPLES_PER_FEATURE * p, p, rho=0.5)
    return prepared("folds", X, planted(rng, X, n_targets=N_TARGETS, n_active=p // 10, noise=1.0))


def paths(problem: SquaredProblem, lams: Array) -> list[Path]:
    """One path for each training part."""
    folds = KFold(K).split(problem.X)
    return [solve_path(problem.X[train], problem.Y[train], lams=lams) for train, _ in folds]


def by_hand(problem: SquaredProblem, lams: Array) -> Array:
    """The path on all data, the folds' paths, and held-out losses `(n_lams, K)`."""
    solve_path(problem.X, problem.Y, lams=lams)
    tests = [test for _, test in KFold(K).split(problem.X)]
    columns = [held_out(path, problem, test) for path, test in zip(paths(problem, lams), tests, strict=True)]
    return np.column_stack(columns)


def held_out(path: Path, problem: SquaredProblem, test: Any) -> Array:
    """Mean squared error on a fold, summed over targets, for each lam."""
    X, Y = problem.X[test], problem.Y[test]
    return np.array([np.sum((Y - X @ fit.coef.T - fit.intercept) ** 2) / len(test) for fit in path.fits])


def row(p: int, n_lams: int, repeats: int) -> str:
    """One aligned line of the table."""
    problem = generated(p)
    model = GroupSparsityRegressorCV(n_lams=n_lams, cv=KFold(K)).fit(problem.X, problem.Y)
    lams = model.lams_
    difference = np.max(np.abs(model.losses_ / by_hand(problem, lams) - 1))
    calls = [
        partial(GroupSparsityRegressorCV(lams=lams, cv=KFold(K)).fit, problem.X, problem.Y),
        partial(paths, problem, lams),
        partial(by_hand, problem, lams),
    ]
    ours, alone, complete = median_seconds(calls, repeats)
    times = "".join(f"{1e3 * taken:>12.0f} ms" for taken in (ours, alone, complete))
    return f"{len(problem.X):>7}{p:>6}{times}{alone / ours:>10.2f}{complete / ours:>10.2f}{difference:>12.0e}"


def main() -> None:
    """Print one line for each number of features."""
    options = parser(__doc__, repeats=3).parse_args()
    print(f"{K} folds, {N_TARGETS} targets; ratios to the estimator's time\n")
    print(
        f"{'n':>7}{'p':>6}{'estimator':>15}{'paths':>15}{'by hand':>15}{'paths':>10}{'by hand':>10}{'losses':>12}",
    )
    for p in QUICK_SIZES if options.quick else SIZES:
        print(row(p, QUICK_LAMS if options.quick else N_LAMS, options.repeats), flush=True)
    print_load()


if __name__ == "__main__":
    main()
