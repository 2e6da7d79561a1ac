"""Random regression problems, ugly cases included by construction."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import assume, event
from hypothesis import strategies as st

TALLY: dict[str, tuple[int, int]] = {}
"""Test name -> (examples, degenerate examples), for the summary at the end of a run."""


@dataclass(frozen=True)
class Problem:
    """A group-sparsity problem; ``labels`` names what is degenerate about it."""

    X: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None
    sample_weight: np.ndarray | None
    fit_intercept: bool
    lam_share: float
    labels: tuple[str, ...]

    @property
    def group_weights(self) -> np.ndarray:
        return np.ones(self.X.shape[1]) if self.weights is None else self.weights

    @property
    def row_weights(self) -> np.ndarray:
        return np.ones(self.X.shape[0]) if self.sample_weight is None else self.sample_weight

    def data(self) -> dict[str, object]:
        """Keyword arguments shared by the public functions."""
        return {"fit_intercept": self.fit_intercept, "sample_weight": self.sample_weight}


def _zero_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, np.zeros(len(p.X)))


def _constant_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, np.full(len(p.X), 0.1))


def _duplicate_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, p.X[:, k])


def _opposite_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, -3.0 * p.X[:, k])


def _dependent_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, p.X.sum(axis=1))


def _tiny_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, 1e-8 * p.X[:, j])


def _huge_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, 1e8 * p.X[:, j])


def _subnormal_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, 5e-310 * p.X[:, j])


def _far_column(p: Problem, j: int, k: int) -> Problem:
    return _with_column(p, j, p.X[:, j] + 1e6)


def _indicator_column(p: Problem, j: int, k: int) -> Problem:
    column = np.zeros(len(p.X))
    column[k % len(p.X)] = 1.0
    return _with_column(p, j, column)


def _constant_target(p: Problem, j: int, k: int) -> Problem:
    Y = p.Y.copy()
    Y[:, j % Y.shape[1]] = 0.3
    return replace(p, Y=Y)


def _all_constant_targets(p: Problem, j: int, k: int) -> Problem:
    return replace(p, Y=np.full_like(p.Y, -0.7))


def _tiny_targets(p: Problem, j: int, k: int) -> Problem:
    return replace(p, Y=1e-120 * p.Y)


def _duplicate_target(p: Problem, j: int, k: int) -> Problem:
    return replace(p, Y=np.repeat(p.Y[:, :1], p.Y.shape[1], axis=1))


def _exact_fit(p: Problem, j: int, k: int) -> Problem:
    return replace(p, Y=p.X[:, [j]] @ np.ones((1, p.Y.shape[1])))


def _equal_rows(p: Problem, j: int, k: int) -> Problem:
    return replace(p, X=np.repeat(p.X[:1], len(p.X), axis=0))


def _zero_row_weights(p: Problem, j: int, k: int) -> Problem:
    weights = np.ones(len(p.X))
    weights[: len(p.X) // 2] = 0.0
    return replace(p, sample_weight=weights)


def _uneven_row_weights(p: Problem, j: int, k: int) -> Problem:
    return replace(p, sample_weight=10.0 ** np.linspace(-4, 4, len(p.X)))


def _free_group(p: Problem, j: int, k: int) -> Problem:
    weights = p.group_weights.copy()
    weights[j] = 0.0
    return replace(p, weights=weights)


def _uneven_groups(p: Problem, j: int, k: int) -> Problem:
    return replace(p, weights=10.0 ** np.linspace(-2, 2, p.X.shape[1]))


UGLY = {
    function.__name__.strip("_").replace("_", " "): function
    for function in (
        _zero_column,
        _constant_column,
        _duplicate_column,
        _opposite_column,
        _dependent_column,
        _tiny_column,
        _huge_column,
        _subnormal_column,
        _far_column,
        _indicator_column,
        _constant_target,
        _all_constant_targets,
        _tiny_targets,
        _duplicate_target,
        _exact_fit,
        _equal_rows,
        _zero_row_weights,
        _uneven_row_weights,
        _free_group,
        _uneven_groups,
    )
}


@st.composite
def problems(draw: st.DrawFn, *, ugly: tuple[str, ...] = tuple(UGLY), max_ugly: int = 3) -> Problem:
    """Problems of up to 12 x 10 x 4; about two thirds degenerate in one to three ways, or by their shape."""
    n_samples, n_features, n_targets = draw(st.integers(1, 12)), draw(st.integers(1, 10)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X, noise = rng.standard_normal((n_samples, n_features)), rng.standard_normal((n_samples, n_targets))
    signal = rng.standard_normal((n_features, n_targets)) * (rng.random((n_features, 1)) < 0.5)
    problem = Problem(
        X=X,
        Y=X @ signal + draw(st.sampled_from([0.0, 0.1, 1.0])) * noise,
        weights=draw(st.sampled_from([None, rng.uniform(0.5, 2.0, n_features)])),
        sample_weight=draw(st.sampled_from([None, rng.uniform(0.2, 3.0, n_samples)])),
        fit_intercept=draw(st.booleans()),
        lam_share=draw(st.sampled_from([0.5, 0.1, 1e-2, 1e-3])),
        labels=(),
    )
    for name in draw(st.lists(st.sampled_from(ugly), max_size=max_ugly, unique=True)) if ugly else []:
        j, k = draw(st.integers(0, n_features - 1)), draw(st.integers(0, n_features - 1))
        problem = replace(UGLY[name](problem, j, k), labels=(*problem.labels, name))
    shapes = {
        "one sample": n_samples == 1,
        "one target": n_targets == 1,
        "n < p": n_samples < n_features,
        "one column": n_features == 1,
    }
    problem = replace(problem, labels=problem.labels + tuple(name for name, holds in shapes.items() if holds))
    _count(problem)
    return problem


@dataclass(frozen=True)
class LabelProblem(Problem):
    """A classification problem: ``Y`` is what the caller passes, ``one_hot`` the same as zeros and ones."""

    loss: str = "multinomial"
    one_hot: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def data(self) -> dict[str, object]:
        return {**super().data(), "loss": self.loss}


_COLUMNS = tuple(name for name in UGLY if not name.endswith(("targets", "target", "exact fit")))


@st.composite
def label_problems(
    draw: st.DrawFn, *, ugly: tuple[str, ...] = _COLUMNS, losses: tuple[str, ...] = ("multinomial", "logistic")
) -> LabelProblem:
    """Labels for the inputs of `problems`: random, separable, or rare; some classes or targets without a sample."""
    base = draw(problems(ugly=tuple(name for name in ugly if name in _COLUMNS)))
    counted = np.flatnonzero(base.row_weights > 0)
    assume(len(counted) >= 2)
    # A column of a few last digits: its intercept, 1e14 slopes away, cannot be given in float64.
    assume(not {"far column", "tiny column"} <= set(base.labels))
    loss, n_targets = draw(st.sampled_from(losses)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["random", "separable", "rare"]))
    scores = rng.standard_normal((len(base.X), n_targets))
    if kind == "separable":
        size = np.maximum(np.max(np.abs(base.X), axis=0), 1e-300)
        scores = (base.X / size) @ rng.standard_normal((base.X.shape[1], n_targets))
    if kind == "rare":
        scores[:, 0] += 5.0
    if loss == "multinomial":
        labels = np.argmax(scores, axis=1)
        labels[counted[0]], labels[counted[1]] = 0, 1
        one_hot, Y = np.eye(n_targets)[labels], labels
        if draw(st.booleans()):
            Y = one_hot
        else:
            one_hot = one_hot[:, np.unique(labels)]
    else:
        n_targets = draw(st.integers(1, n_targets))
        one_hot = (scores[:, :n_targets] > 0).astype(float)
        one_hot[counted[0], 0], one_hot[counted[1], 0] = 0.0, 1.0
        Y = one_hot
    seen = one_hot[counted]
    labels = base.labels + tuple(
        name
        for name, holds in {
            kind: kind != "random",
            "absent outcome": not np.all(seen.any(axis=0) & (loss == "multinomial" or ~seen.all(axis=0))),
        }.items()
        if holds
    )
    fields = {**vars(base), "Y": Y, "labels": labels}
    return LabelProblem(**fields, loss=loss, one_hot=one_hot)


def _with_column(p: Problem, j: int, column: np.ndarray) -> Problem:
    X = p.X.copy()
    X[:, j] = column
    return replace(p, X=X)


def _count(problem: Problem) -> None:
    for label in problem.labels or ("regular",):
        event(label)
    name = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[-1].split(" ")[0]
    total, degenerate = TALLY.get(name, (0, 0))
    # "one target" and "n < p" alone are ordinary problems.
    TALLY[name] = (total + 1, degenerate + bool(set(problem.labels) - {"one target", "n < p"}))
