"""Choosing ``lam`` by cross-validation: one grid for all folds, held-out loss, its minimum or one standard error above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.special import log_expit, log_softmax
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from solvers._parallel import single_threaded
from solvers.errors import InputError
from solvers.estimators.base import Data, Estimator
from solvers.regression.fit import Fit
from solvers.regression.gram import Gram
from solvers.regression.path import Path, solve_path
from solvers.regression.penalties import Penalty
from solvers.results import Limit

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

SELECTIONS = ("min", "1se")


@dataclass(eq=False, repr=False, kw_only=True)
class AlongAPath(Estimator):
    """Estimators that choose ``lam`` along a path."""

    lams: Any = None
    n_lams: int = 100
    lam_ratio: float = 1e-3
    cv: Any = 5
    selection: str = "min"
    n_jobs: int | None = None

    def _solve(self, data: Data) -> Fit:
        if self.selection not in SELECTIONS:
            raise InputError(f"selection must be one of {', '.join(map(repr, SELECTIONS))}, got {self.selection!r}")
        splitter: Any = check_cv(self.cv, data.y, classifier=is_classifier(self))
        folds = list(splitter.split(data.X, data.y))
        options = self._problem() | self._effort()
        penalty = self._penalty(1.0)
        grid = {"lams": self.lams, "n_lams": self.n_lams, "lam_ratio": self.lam_ratio}
        path = _path(data.X, data.Y, penalty, sample_weight=data.weights, **grid, **options)
        run = Parallel(n_jobs=self.n_jobs, prefer="threads")
        grams: Any = [None] * len(folds)
        if options["loss"] == "squared" and grams_pay(data, folds):
            grams = run(delayed(gram_of)(data, test) for _, test in folds)
        held_out: Any = run(
            delayed(fold_losses)(data, train, test, penalty, path.lams, options, others(grams, fold))
            for fold, (train, test) in enumerate(folds)
        )
        # A time limit may have cut some of the paths short.
        n_common = min(map(len, held_out))
        self.losses_ = np.column_stack([losses[:n_common] for losses in held_out])
        # Without the data that `solve_path` leaves in it for `Path.at`: an estimator is copied and pickled.
        self.path_ = Path(path.lams[:n_common], path.fits[:n_common], path.limit)
        return self._choose(np.array([fold_weight(data, test) for _, test in folds]))

    def _choose(self, fold_weights: Array) -> Fit:
        path = self.path_
        choice = choose(self.losses_, fold_weights)
        index = choice.minimum if self.selection == "min" else choice.one_standard_error
        self.lams_ = path.lams
        self.lam_min_, self.lam_1se_ = float(path.lams[choice.minimum]), float(path.lams[choice.one_standard_error])
        self.lam_ = float(path.lams[index])
        return path.fits[index]


@single_threaded
def fold_losses(
    data: Data, train: Indices, test: Indices, penalty: Penalty, lams: Array, options: dict[str, Any], grams: list[Gram]
) -> Array:
    """Held-out loss for each lam that the training path reached, (n_reached,); ``grams``, if any, are those of the other folds.

    Linear algebra runs in one thread here, whatever runs beside it: rounding, and with it the choice, does not depend on
    ``n_jobs``.
    """
    path = training_path(data, train, penalty, lams, options, grams)
    X, outputs = data.X[test], data.outputs[test]
    weights = np.ones(len(test)) if data.weights is None else data.weights[test]
    total = float(np.sum(weights)) or 1.0
    loss = HELD_OUT[options["loss"]]
    return np.array([float(np.sum(weights[:, np.newaxis] * loss(predictor(fit, X), outputs))) / total for fit in path.fits])


def training_path(data: Data, train: Indices, penalty: Penalty, lams: Array, options: dict[str, Any], grams: list[Gram]) -> Path:
    """The path of one fold's training part, on the values of lam that all folds share."""
    if grams:
        return _path(Gram.merged(grams), penalty=penalty, lams=lams, **options)
    weights = None if data.weights is None else data.weights[train]
    return _path(data.X[train], data.outputs[train], penalty, sample_weight=weights, lams=lams, **options)


def grams_pay(data: Data, folds: list[tuple[Indices, Indices]]) -> bool:
    """Whether each fold is trained on all the others, and the Gram matrices of all folds together are no larger than X.

    Each row of X is then read by one Gram, not by all paths but one.
    """
    n_samples, n_features = data.X.shape
    if len(folds) * n_features > n_samples:
        return False
    tests = np.concatenate([test for _, test in folds])
    partition = len(tests) == n_samples and len(np.unique(tests)) == n_samples
    return (
        partition
        and all(len(np.union1d(train, test)) == len(train) + len(test) == n_samples for train, test in folds)
        and all(fold_weight(data, test) > 0 for _, test in folds)
    )


@single_threaded
def gram_of(data: Data, rows: Indices) -> Gram:
    """The Gram of some rows."""
    return Gram.from_blocks([(data.X[rows], data.outputs[rows], None if data.weights is None else data.weights[rows])])


def others(grams: list[Gram | None], fold: int) -> list[Gram]:
    """The Grams of all folds but one; none where there are none."""
    return [gram for index, gram in enumerate(grams) if gram is not None and index != fold]


def _path(*arguments: Any, **keywords: Any) -> Path:
    path = solve_path(*arguments, **keywords)
    if path.limit is Limit.INTERRUPT:
        raise KeyboardInterrupt
    return path


def predictor(fit: Fit, X: Any) -> Array:
    """``X coef' + intercept`` (n, n_outputs), reading only the inputs in use."""
    return X[:, fit.support] @ fit.coef[:, fit.support].T + fit.intercept


def fold_weight(data: Data, test: Indices) -> float:
    """What a fold's held-out loss counts for in the mean over the folds: the weight of its samples."""
    return float(len(test) if data.weights is None else np.sum(data.weights[test]))


def squared_losses(Z: Array, Y: Array) -> Array:
    """``(y - z)^2``, (n, n_outputs)."""
    return (Y - Z) ** 2


def multinomial_losses(Z: Array, Y: Array) -> Array:
    """``-y log p`` for one-hot rows of Y; 0 for a class that the training part did not have."""
    return _finite(np.where(Y > 0, -log_softmax(Z, axis=1), 0.0))


def logistic_losses(Z: Array, Y: Array) -> Array:
    """``log(1 + exp(-+z))`` for zeros and ones; 0 for an outcome that the training part did not have."""
    return _finite(np.where(Y > 0, -log_expit(Z), -log_expit(-Z)))


def _finite(losses: Array) -> Array:
    # An outcome never seen in training has probability 0 at every lam: it says nothing about which lam is best.
    return np.where(np.isfinite(losses), losses, 0.0)


HELD_OUT: dict[str, Callable[[Array, Array], Array]] = {
    "squared": squared_losses,
    "multinomial": multinomial_losses,
    "logistic": logistic_losses,
}


@dataclass(frozen=True)
class Choice:
    """Indices into a decreasing grid of lam: of the smallest mean loss, and of the largest lam within a standard error of it."""

    minimum: int
    one_standard_error: int


def choose(losses: Array, fold_weights: Array) -> Choice:
    """The two choices for held-out losses ``(n_lams, n_folds)``, folds weighted; of equal means that of the largest lam.

    The standard error of the mean is ``sqrt(weighted variance over the folds / (n_folds - 1))``, as in glmnet; 0 for one fold.
    """
    counts = fold_weights > 0
    losses, fold_weights = losses[:, counts], fold_weights[counts]
    means = np.average(losses, axis=1, weights=fold_weights)
    minimum = int(np.argmin(means))
    variance = float(np.average((losses[minimum] - means[minimum]) ** 2, weights=fold_weights))
    standard_error = np.sqrt(variance / max(len(fold_weights) - 1, 1))
    return Choice(minimum, int(np.argmax(means <= means[minimum] + standard_error)))
