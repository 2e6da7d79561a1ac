"""The problems of the classification benchmark, and the judge that grades every answer.

Every solver minimises the same objective over `A` of shape `(n_classes, n_features)` and an unpenalised intercept `b`:

    P(A, b) = 1/n sum_i [log sum_k exp(z_ik) - z_i,y_i] + lam sum_j ||A_:j||_2,   Z = X A' + b

All classes keep coefficients of their own. Generated problems plant coefficients with few non-zero columns and draw the
labels from the probabilities that these imply; the seed is fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from problems import SEED, Array, Model, Problem, autoregressive, read_data, standardised

Labels = NDArray[np.intp]

TINY = np.finfo(float).tiny
NEWTON_STEPS, HALVINGS = 100, 8


@dataclass(frozen=True)
class MultinomialProblem(Problem):
    """Labels `Y (n_samples,)`, from 0 to `n_classes - 1`, each of which occurs."""

    loss: ClassVar[str] = "multinomial"
    has_intercept: ClassVar[bool] = True

    @property
    def n_outputs(self) -> int:
        """Classes."""
        return int(self.Y.max()) + 1

    @cached_property
    def lambda_max(self) -> float:
        """`max_j ||x_j'(one_hot - frequencies)||_2 / n`."""
        hot = one_hot(self.Y)
        return float(np.linalg.norm(self.X.T @ (hot - hot.mean(axis=0)), axis=1).max() / len(self.X))

    def relative_gap(self, lam: float, model: Model) -> float:
        """See the function of the same name."""
        assert model.intercept is not None
        return relative_gap(self.X, self.Y, lam, model.coef, model.intercept)

    def corner(self, n: int, p: int) -> MultinomialProblem:
        """As many samples of each class, and the features that vary most: pixels at the border never do."""
        labels, each = self.Y, -(-n // self.n_outputs)
        rows = np.sort(np.concatenate([np.flatnonzero(labels == k)[:each] for k in range(self.n_outputs)]))
        columns = np.sort(np.argsort(-self.X[rows].var(axis=0), kind="stable")[:p])
        return replace(self, X=np.asfortranarray(self.X[np.ix_(rows, columns)]), Y=self.Y[rows])


def one_hot(labels: Labels) -> Array:
    """`(n_samples, n_classes)`, a one for each label."""
    return np.eye(labels.max() + 1)[labels]


# ----------------------------------------------------------------------------------------------------------- the judge


def relative_gap(X: Array, labels: Labels, lam: float, coef: Array, intercept: Array) -> float:
    """The duality gap of `coef` at its best intercept, as a share of the null loss, the entropy of the class frequencies.

    The intercept is improved first, by Newton steps from the one that came: it is not penalised, so this takes a fit of
    `n_classes` parameters, and no solver is marked down for a last step that it left out.

    With `Y` the one-hot labels, a dual point must have rows in the simplex, the class frequencies as its mean, and
    `||x_j'(Y - Q)||/n <= lam` for every j. The probabilities P are mixed with a constant row until their mean is right
    (`balancing`), which gives P' and the residual `D = Y - P'`; then `Q = Y - s D` with
    `s = min(1, lam / max_j ||c_j||)`, `c_j = x_j'D/n`. Since D has mean zero, the intercept drops out of

        primal - dual = 1/n sum_i KL(Q_i || P_i) + sum_j (lam ||A_:j|| - s <A_:j, c_j>)

    Summed this way, of terms none of which is negative, a tiny gap is not lost in the difference of two large numbers.
    It bounds `P(A, b) - min P`.
    """
    if not (np.all(np.isfinite(coef)) and np.all(np.isfinite(intercept))):
        return float("inf")
    Y = one_hot(labels)
    frequencies = Y.mean(axis=0)
    support = np.flatnonzero(np.any(coef, axis=0))
    Z = X[:, support] @ coef[:, support].T
    logs = log_softmax(Z + best_intercept(Z, frequencies, intercept))
    shift = balancing(np.exp(logs), frequencies)  # P' - P
    residual = Y - np.exp(logs) - shift
    correlation = X.T @ residual / len(X)  # (n_features, n_classes)
    scale = min(1.0, lam / max(np.linalg.norm(correlation, axis=1).max(), TINY))
    column = coef[:, support].T
    slack = lam * np.linalg.norm(column, axis=1) - scale * np.sum(column * correlation[support], axis=1)
    divergence = kullback_leibler(Y - scale * residual, logs, (1 - scale) * residual + shift)
    gap = divergence.sum() / len(X) + slack.sum()
    return float(gap / -np.sum(frequencies * np.log(frequencies)))


def log_softmax(Z: Array) -> Array:
    """Logarithms of the probabilities, row by row."""
    Z = Z - Z.max(axis=1, keepdims=True)
    return Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))


def best_intercept(Z: Array, frequencies: Array, intercept: Array) -> Array:
    """Minimise `1/n sum_i log sum_k exp(z_ik + b_k) - <frequencies, b>` over b by damped Newton steps.

    They start from `intercept` or from zero, whichever is better, and stop where nothing decreases the value any more. At
    the minimum the mean probabilities are the class frequencies.
    """

    def value(b: Array) -> float:
        shifted = Z + b
        top = shifted.max(axis=1)
        return float(np.mean(top + np.log(np.exp(shifted - top[:, None]).sum(axis=1))) - frequencies @ b)

    best, b = min(((value(b), b) for b in (intercept, np.zeros_like(intercept))), key=lambda pair: pair[0])
    for _ in range(NEWTON_STEPS):
        mean, step = newton_step(Z, b, frequencies)
        # Where probabilities are nearly 0 or 1, Newton steps fail; iterative scaling always decreases the value.
        scaling = np.log(frequencies / np.maximum(mean, TINY))
        trials = [b + step / 2**k for k in range(HALVINGS)] + [b + scaling]
        improved = next(((v, trial) for trial in trials if (v := value(trial)) < best), None)
        if improved is None:
            # The value has no more digits, but the mean probabilities do.
            closer = np.abs(newton_step(Z, b + step, frequencies)[0] - frequencies).max()
            return b + step if closer < np.abs(mean - frequencies).max() else b
        best, b = improved
    return b


def newton_step(Z: Array, b: Array, frequencies: Array) -> tuple[Array, Array]:
    """The mean probabilities at `b`, and the step that would make them the frequencies if they were linear in b."""
    P = np.exp(log_softmax(Z + b))
    mean = P.mean(axis=0)
    # Adding one number to every entry of b changes nothing: the Hessian is singular along it.
    hessian = np.diag(mean) - P.T @ P / len(Z) + 1 / len(mean)
    return mean, np.linalg.lstsq(hessian, frequencies - mean, rcond=None)[0]


def balancing(P: Array, frequencies: Array) -> Array:
    """`P' - P (n, n_classes)` for `P' = (1 - t) P + t 1 r'` with `frequencies` as its mean and r in the simplex.

    The mean asks for `t r = frequencies - (1 - t) mean(P)`, and t is the smallest number that leaves no negative entry.
    """
    mean = P.mean(axis=0)
    t = max(0.0, float(np.max(1 - frequencies / np.maximum(mean, TINY))))
    return np.maximum(t * frequencies + (1 - t) * (frequencies - mean), 0.0) - t * P


def kullback_leibler(Q: Array, logs: Array, difference: Array) -> Array:
    """`q log(q/p) - q + p` entry by entry, none negative, for `p = exp(logs)` and `difference = q - p`.

    Where q and p almost agree, the formula loses its digits; the series in `u = (q - p)/p` does not.
    """
    P = np.exp(logs)
    far = Q * (np.log(np.maximum(Q, TINY)) - logs) - difference
    with np.errstate(over="ignore", invalid="ignore"):
        u = difference / np.maximum(P, TINY)
        near = P * u**2 * (1 / 2 - u / 6 + u**2 / 12 - u**3 / 20)
    return np.maximum(np.where(np.abs(u) < 1e-3, near, far), 0.0)


# -------------------------------------------------------------------------------------------------------- the problems


def drawn(rng: np.random.Generator, X: Array, n_classes: int, n_active: int, strength: float) -> Labels:
    """Labels from the softmax of `X A'`, with `n_active` Gaussian columns of A, of standard deviation `strength`."""
    active = rng.choice(X.shape[1], size=n_active, replace=False)
    Z = X[:, active] @ (strength * rng.standard_normal((n_active, n_classes)))
    return np.argmax(Z + rng.gumbel(size=Z.shape), axis=1)


def _codes(labels: NDArray[np.generic]) -> Labels:
    """Classes as 0, 1, 2, ..."""
    return np.unique(labels, return_inverse=True)[1].astype(np.intp).ravel()


def _mnist() -> MultinomialProblem:
    """3468 handwritten digits of 28 x 28 pixels between 0 and 1, not centred; pixels that are always 0 stay."""
    X, labels = read_data("mnist3468_gina_standin.npz")
    return MultinomialProblem("mnist", np.asfortranarray(X / 255), _codes(labels))


def _gas() -> MultinomialProblem:
    """Gas sensor array drift: 13910 measurements by 128 sensor features, 6 gases; standardised."""
    X, labels = read_data("gas_drift_all10_batchminmax.npz")
    return MultinomialProblem("gas", standardised(X), _codes(labels))


def _tall_ar() -> MultinomialProblem:
    """The shape of `gas`, generated."""
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, 13910, 128, rho=0.5)
    return MultinomialProblem("tall-ar", standardised(X), drawn(rng, X, n_classes=6, n_active=20, strength=1.0))


def _wide() -> MultinomialProblem:
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, 200, 10_000, rho=0.0)
    return MultinomialProblem("wide", standardised(X), drawn(rng, X, n_classes=4, n_active=10, strength=2.0))


def _small() -> MultinomialProblem:
    rng = np.random.default_rng(SEED)
    X = autoregressive(rng, 500, 100, rho=0.5)
    return MultinomialProblem("small", standardised(X), drawn(rng, X, n_classes=4, n_active=10, strength=1.0))


PROBLEMS: dict[str, Callable[[], MultinomialProblem]] = {
    "mnist": _mnist,
    "gas": _gas,
    "tall-ar": _tall_ar,
    "wide": _wide,
    "small": _small,
}
