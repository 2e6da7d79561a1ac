"""One adapter for each solver of the regression benchmark: ours, the four peers, and forming `X'X` as a yardstick.

An adapter says how its library is asked for the common objective (see `problems`), at the best setting that the
library itself documents. Where the documentation offers a choice and no rule for it, the adapter lists the candidates
in `settings`, and the benchmark keeps the fastest one, separately for every number it prints.

Libraries are imported by the constructors: a missing one raises `ImportError` there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from problems import Array

UNLIMITED = 10**9  # iterations: only the tolerance, or the benchmark's time cap, stops a peer


class Adapter:
    """A solver: `solve` returns the coefficients `(n_targets, n_features)` for every `lam`, in order."""

    name: ClassVar[str]
    distribution: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ("default",)
    path_settings: ClassVar[tuple[str, ...]] = ("default",)
    step: ClassVar[float] = 10**0.5
    """The factor between two tolerances tried in a row; chosen so that one step divides the gap by about sqrt(10)."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def solve(self, X: Array, Y: Array, lams: Array, tol: float, setting: str) -> Iterable[Array]:
        """Solve for one `lam` or a decreasing path. This call is timed; iterating over what it returns is not."""
        raise NotImplementedError

    @staticmethod
    def first_tolerance(lam: float, gap: float) -> float:
        """Where the search for the loosest tolerance that reaches the relative gap `gap` begins."""
        return gap


class Solvers(Adapter):
    """The package under test. Its `tol` *is* the relative gap, so it is set to the target and never searched for."""

    name = "solvers"
    distribution = "shrinknet-solvers"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        from solvers import GroupSparsity, solve, solve_path

        self._penalty, self._solve, self._solve_path = GroupSparsity, solve, solve_path

    def solve(self, X: Array, Y: Array, lams: Array, tol: float, setting: str) -> Iterable[Array]:
        """`solve` for one `lam`, `solve_path` for several."""
        if len(lams) == 1:
            return [self._solve(X, Y, self._penalty(float(lams[0])), fit_intercept=False, tol=tol).coef]
        return self._solve_path(X, Y, lams=lams, fit_intercept=False, tol=tol).coefs


class Gram(Adapter):
    """The yardstick: forming `X'X` once, by one BLAS-3 call. It solves nothing and answers zero."""

    name = "gram"
    distribution = "numpy"

    def solve(self, X: Array, Y: Array, lams: Array, tol: float, setting: str) -> Iterable[Array]:
        """Form `X'X` and forget it."""
        _ = X.T @ X
        return [np.zeros((Y.shape[1], X.shape[1]))]


class Celer(Adapter):
    """`celer.homotopy.mtl_path`: working sets, extrapolated dual points, stopping at its gap `<= tol ||Y||^2/n`.

    Its defaults (growing and pruned working sets, `prune=True`) are what its documentation recommends. The function is
    called rather than the `MultiTaskLasso` estimator, which calls it but no longer runs on current scikit-learn.
    """

    name = "celer"
    distribution = "celer"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        from celer.homotopy import mtl_path

        self._mtl_path = mtl_path

    def solve(self, X: Array, Y: Array, lams: Array, tol: float, setting: str) -> Iterable[Array]:
        """The path function serves a single `lam` too."""
        _, coefs, _ = self._mtl_path(X, Y, alphas=lams, tol=tol, max_iter=10_000)
        return np.moveaxis(coefs, -1, 0)


class Skglm(Adapter):
    """`skglm.solvers.MultiTaskBCD`: working sets and Anderson acceleration, its documented defaults.

    It stops when every block's subgradient is within `tol` of zero, in the units of `lam`. A single `lam` goes through
    `path` as well: `path` lays `X W` out by columns, as its kernels want it, which makes it three times as fast as
    `solve` with the same iterates.
    """

    name = "skglm"
    distribution = "skglm"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        from skglm.datafits import QuadraticMultiTask
        from skglm.penalties import L2_1
        from skglm.solvers import MultiTaskBCD

        self._datafit, self._penalty, self._solver = QuadraticMultiTask, L2_1, MultiTaskBCD

    def solve(self, X: Array, Y: Array, lams: Array, tol: float, setting: str) -> Iterable[Array]:
        """The path method serves a single `lam` too."""
        solver = self._solver(max_iter=10_000, tol=tol, fit_intercept=False)
        _, coefs, _ = solver.path(X, Y, self._datafit(), self._penalty(float(lams[0])), lams)
        return np.moveaxis(coefs, -1, 0)

    @staticmethod
    def first_tolerance(lam: float, gap: float) -> float:
        """A subgradient of size `t lam` leaves a gap between `t` and `t^2`."""
        return lam * gap**0.5


class Adelie(Adapter):
    """`adelie.grpnet` with `glm.multigaussian`: strong-rule screening and block coordinate descent on `X (x) I`.

    Its loss is ours divided by the number of targets `T` (up to a constant), so it is given `lam / T`, with unit
    penalty factors in place of its default `sqrt(T)`. It stops when the largest *squared* change of a block in one
    sweep is below `tol` times the variance of `Y`: hence steps of 10. Its default is one thread, more are an option:
    both are tried. It is built for paths with warm starts: a single `lam` is also tried at the end of ten larger ones.
    """

    name = "adelie"
    distribution = "adelie"
    settings = ("1 thread", "all threads", "1 thread, 10 warm starts")
    path_settings = ("1 thread", "all threads")
    step = 10.0

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import adelie

        self._adelie = adelie

    def solve(self, X: Array, Y: Array, lams: Array, tol: float, setting: str) -> Iterable[Array]:
        """One call of `grpnet`; its sparse rows become dense matrices only when iterated over."""
        n_features, n_targets = X.shape[1], Y.shape[1]
        path = _approach(X, Y, float(lams[0])) if "warm starts" in setting else lams
        state = self._adelie.grpnet(
            X,
            self._adelie.glm.multigaussian(Y),
            penalty=np.ones(n_features),
            lmda_path=path / n_targets,
            tol=tol,
            max_iters=UNLIMITED,
            early_exit=False,
            intercept=False,
            n_threads=self.threads if setting == "all threads" else 1,
            progress_bar=False,
        )
        rows = state.betas[-len(lams) :] if state.betas.shape[0] == len(path) else ()
        return (row.toarray().reshape(n_features, n_targets).T for row in rows)

    @staticmethod
    def first_tolerance(lam: float, gap: float) -> float:
        """The tolerance bounds a square."""
        return gap**2


class ScikitLearn(Adapter):
    """`sklearn.linear_model.MultiTaskLasso` and `lasso_path`: coordinate descent with gap-safe screening.

    It stops at its gap `<= tol ||Y||^2/n`, once a whole sweep has changed no coefficient by more than `tol` relatively.
    Its documentation says that `selection="random"` "often leads to significantly faster convergence": both are tried.
    """

    name = "scikit-learn"
    distribution = "scikit-learn"
    settings = ("cyclic", "random")
    path_settings = ("cyclic", "random")

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        from sklearn.linear_model import MultiTaskLasso, lasso_path

        self._estimator, self._lasso_path = MultiTaskLasso, lasso_path

    def solve(self, X: Array, Y: Array, lams: Array, tol: float, setting: str) -> Iterable[Array]:
        """The estimator for one `lam`, the path function for several."""
        options = {"tol": tol, "max_iter": UNLIMITED, "selection": setting, "random_state": 0, "copy_X": False}
        if len(lams) == 1:
            return [self._estimator(alpha=float(lams[0]), fit_intercept=False, **options).fit(X, Y).coef_]
        _, coefs, _ = self._lasso_path(X, Y, alphas=lams, precompute=False, **options)
        return np.moveaxis(coefs, -1, 0)


def _approach(X: Array, Y: Array, lam: float) -> Array:
    """Ten geometrically decreasing values from below `lambda_max` down to `lam`."""
    largest = np.linalg.norm(X.T @ Y, axis=1).max() / len(X)
    return np.geomspace(max(largest, lam), lam, 11)[1:]


PEERS: dict[str, type[Adapter]] = {peer.name: peer for peer in (Celer, Skglm, Adelie, ScikitLearn)}
ADAPTERS: dict[str, type[Adapter]] = {**PEERS, Solvers.name: Solvers, Gram.name: Gram}
