"""One adapter for each solver of the benchmarks: ours, the peers of each, and forming `X'X` as a yardstick.

An adapter says how its library is asked for the common objective (see `squared` and `multinomial`), at the best setting
that the library itself documents. Where the documentation offers a choice and no rule for it, the adapter lists the
candidates in `settings`, and the benchmark keeps the fastest one, separately for every number it prints.

Libraries are imported by the constructors: a missing one raises `ImportError` there and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import numpy as np
from accelerated import minimise
from multinomial import one_hot
from problems import Array, Model, Problem
from rscript import RSession

UNLIMITED = 10**9  # iterations: only the tolerance, or the benchmark's time cap, stops a peer


class Adapter(ABC):
    """A solver: `solve` returns a model for every `lam`, in order."""

    name: ClassVar[str]
    distribution: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ("default",)
    path_settings: ClassVar[tuple[str, ...]] = ("default",)
    step: ClassVar[float] = 10**0.5
    """The factor between two tolerances tried in a row; chosen so that one step divides the gap by about sqrt(10)."""

    own_seconds: float | None = None
    """What the last call took by the solver's own clock, where it runs outside of Python and data has to reach it first."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def prepare(self, problem: Problem) -> None:  # noqa: B027
        """Lay the data out as the solver wants it, before the clock starts; called once for each problem."""

    @abstractmethod
    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """Solve for one `lam` or a decreasing path. This call is timed; iterating over what it returns is not."""

    @staticmethod
    def first_tolerance(lam: float, gap: float) -> float:
        """Where the search for the loosest tolerance that reaches the relative gap `gap` begins."""
        return gap

    def close(self) -> None:  # noqa: B027
        """End what the constructor started."""

    def __enter__(self) -> Adapter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def version(self) -> str:
        """The release in use."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:  # imported from a source tree
            return "unknown"


class Solvers(Adapter):
    """The package under test. Its `tol` *is* the relative gap, so it is set to the target and never searched for."""

    name = "solvers"
    distribution = "shrinknet-solvers"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        from solvers import GroupSparsity, solve, solve_path

        self._penalty, self._solve, self._solve_path = GroupSparsity, solve, solve_path

    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """`solve` for one `lam`, `solve_path` for several."""
        options: Any = {"loss": problem.loss, "fit_intercept": problem.has_intercept, "tol": tol}
        if len(lams) == 1:
            fits = [self._solve(problem.X, problem.Y, self._penalty(float(lams[0])), **options)]
        else:
            fits = self._solve_path(problem.X, problem.Y, lams=lams, **options).fits
        return (Model(fit.coef, fit.intercept) for fit in fits)


class Gram(Adapter):
    """The yardstick: forming `X'X` once, by one BLAS-3 call. It solves nothing and answers zero."""

    name = "gram"
    distribution = "numpy"

    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """Form `X'X` and forget it."""
        _ = problem.X.T @ problem.X
        return [Model(np.zeros((problem.n_outputs, problem.X.shape[1])), np.zeros(problem.n_outputs))]


# ---------------------------------------------------------------------------------------------------------- regression


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

    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """The path function serves a single `lam` too."""
        _, coefs, _ = self._mtl_path(problem.X, problem.Y, alphas=lams, tol=tol, max_iter=10_000)
        return map(Model, np.moveaxis(coefs, -1, 0))


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

    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """The path method serves a single `lam` too."""
        solver = self._solver(max_iter=10_000, tol=tol, fit_intercept=False)
        _, coefs, _ = solver.path(problem.X, problem.Y, self._datafit(), self._penalty(float(lams[0])), lams)
        return map(Model, np.moveaxis(coefs, -1, 0))

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

    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """One call of `grpnet`; its sparse rows become dense matrices only when iterated over."""
        n_features, n_outputs = problem.X.shape[1], problem.n_outputs
        path = approach(problem, float(lams[0])) if "warm starts" in setting else lams
        state = self._adelie.grpnet(
            problem.X,
            self._family(problem),
            penalty=np.ones(n_features),
            lmda_path=path / n_outputs,
            max_iters=UNLIMITED,
            early_exit=False,
            intercept=problem.has_intercept,
            n_threads=self.threads if setting == "all threads" else 1,
            progress_bar=False,
            **self._tolerances(tol),
        )
        if state.betas.shape[0] < len(path):
            return ()
        rows = zip(state.betas[-len(lams) :], state.intercepts[-len(lams) :], strict=True)
        return (Model(row.toarray().reshape(n_features, n_outputs).T, intercept) for row, intercept in rows)

    def _family(self, problem: Problem) -> Any:
        return self._adelie.glm.multigaussian(problem.Y)

    def _tolerances(self, tol: float) -> dict[str, float]:
        return {"tol": tol}

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

    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """The estimator for one `lam`, the path function for several."""
        options = {"tol": tol, "max_iter": UNLIMITED, "selection": setting, "random_state": 0, "copy_X": False}
        if len(lams) == 1:
            estimator = self._estimator(alpha=float(lams[0]), fit_intercept=False, **options)
            return [Model(estimator.fit(problem.X, problem.Y).coef_)]
        _, coefs, _ = self._lasso_path(problem.X, problem.Y, alphas=lams, precompute=False, **options)
        return map(Model, np.moveaxis(coefs, -1, 0))


# ------------------------------------------------------------------------------------------------------ classification


class AdelieMultinomial(Adelie):
    """`adelie.grpnet` with `glm.multinomial`: the same descent on weighted least squares, once per IRLS step.

    Its loss is ours divided by the number of classes as well, so the same `lam / K` and unit penalty factors serve. Each
    IRLS step has a tolerance of its own, `irls_tol`; both have the same default, and are searched together. `X` stays
    column-major, as its dense matrices want it; the labels are made one-hot beforehand.
    """

    def prepare(self, problem: Problem) -> None:
        """One-hot labels, row-major."""
        self._hot = one_hot(problem.Y)

    def _family(self, problem: Problem) -> Any:
        return self._adelie.glm.multinomial(self._hot)

    def _tolerances(self, tol: float) -> dict[str, float]:
        return {"tol": tol, "irls_tol": tol, "irls_max_iters": UNLIMITED}


class Glmnet(Adapter):
    """R's `glmnet(family="multinomial", type.multinomial="grouped")`: its objective is ours to the letter.

    `standardize=FALSE`, and its path may not end early (`fdev = 0`, `devmax = 1`). `thresh` bounds the change of the
    objective in one step, a square of coefficients: hence steps of 10. Its documentation asks not to supply a single
    `lam` but a decreasing sequence, so a single one is tried at the end of ten and of a hundred larger ones, and alone. An R
    session reads the data once; R's own clock times the call of `glmnet` and nothing else. It knows one thread only.
    """

    name = "glmnet"
    distribution = "glmnet"
    settings = ("10 warm starts", "100 warm starts", "alone")
    step = 10.0

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._session = RSession("glmnet")

    def prepare(self, problem: Problem) -> None:
        """Send the data."""
        self._session.send_data(problem.X, problem.Y)

    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """One call of `glmnet`; its coefficients travel back only when iterated over."""
        path = approach(problem, float(lams[0]), int(setting.split()[0])) if "warm starts" in setting else lams
        self.own_seconds = self._session.solve(path, tol)
        return (Model(*model) for model in self._session.models(len(path), len(lams)))

    @staticmethod
    def first_tolerance(lam: float, gap: float) -> float:
        """The tolerance bounds a square."""
        return gap**2

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def version(self) -> str:
        """The release of the R package."""
        return self._session.version


class AcceleratedGradient(Adapter):
    """What a user would write in an hour: `accelerated.minimise`, plain NumPy, nothing but matrix products.

    It stops by the length of the gradient mapping, in the units of `lam`.
    """

    name = "apg"
    distribution = "numpy"

    def solve(self, problem: Problem, lams: Array, tol: float, setting: str) -> Iterable[Model]:
        """Each `lam` starts from the answer of the one before."""
        return [Model(coef, intercept) for coef, intercept in minimise(problem.X, problem.Y, lams, tol)]

    @staticmethod
    def first_tolerance(lam: float, gap: float) -> float:
        """A subgradient of size `t lam` leaves a gap between `t` and `t^2`."""
        return lam * gap**0.5


def approach(problem: Problem, lam: float, length: int = 10) -> Array:
    """`length` geometrically decreasing values from below `lambda_max` down to `lam`."""
    return np.geomspace(max(problem.lambda_max, lam), lam, length + 1)[1:]


SQUARED_PEERS: dict[str, type[Adapter]] = {peer.name: peer for peer in (Celer, Skglm, Adelie, ScikitLearn)}
MULTINOMIAL_PEERS: dict[str, type[Adapter]] = {peer.name: peer for peer in (AdelieMultinomial, Glmnet, AcceleratedGradient)}
