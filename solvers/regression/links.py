"""The two logistic losses as functions of the linear predictor ``Z (n, K)``: probabilities, residuals, curvature, divergences.

`Softmax` is multinomial regression, one of K classes per sample; `Sigmoid` is K independent yes-no targets. Labels are a matrix
``Y (n, K)`` of zeros and ones. All that is small is computed as such, never as a difference of large numbers: ``1 - P`` where P
is nearly 1, the change of the loss over a step, the divergence of two nearly equal distributions.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp

from solvers._compile import helper, kernel

Array = np.ndarray[Any, np.dtype[np.float64]]

_SMALL = 0.1
_NEAR = 1e-3
_LEAST = 1e-290
_CUTOFF = 8.0 * np.finfo(float).eps
_LONG = 100.0
"""Steps of a linear predictor beyond this are refused."""


class Prediction(NamedTuple):
    """A model's word on each sample.

    ``losses (n,)``: negative log-likelihoods. ``P (n, K)``: probabilities. ``R (n, K)``: residuals ``Y - P``, to full relative
    accuracy where the prediction is nearly perfect.
    """

    losses: Array
    P: Array
    R: Array


class Link(Protocol):
    """A loss ``1/n sum_i s_i loss(z_i, y_i)`` with its derivatives."""

    name: str
    bound: float
    """Largest eigenvalue that the Hessian of one sample's loss can have."""

    def predict(self, Z: Array, Y: Array) -> Prediction:
        """Losses, probabilities and residuals."""
        ...

    def curvature(self, P: Array, weights: Array) -> Array:
        """``sum_i s_i H_i (K, K)`` for the Hessians ``H_i`` of the samples' losses."""
        ...

    def inverse(self, C: Array) -> Array:
        """The pseudo-inverse of a `curvature`."""
        ...

    def hessian(self, P: Array, T: Array) -> Array:
        """The rows ``H_i t_i``."""
        ...

    def profiled_hessian(self, P: Array, T: Array, root: Array, inverse: Array) -> Array:
        """The rows ``H_i (t_i - root_i f)``, ``f = inverse sum_i root_i H_i t_i`` being the intercept's answer to T."""
        ...

    def divergence(self, Z: Array, P: Array, step: Array, weights: Array) -> float:
        """``sum_i s_i (loss(z_i + step_i) - loss(z_i) - <grad, step_i>)``, of full relative accuracy; infinite for long steps."""
        ...

    def relative_entropies(self, Z: Array, P: Array, excess: Array) -> Array:
        """``KL(p_i + excess_i || p_i)`` of each sample, (n,)."""
        ...

    def truncated(self, R: Array, Y: Array, least: float) -> Array:
        """Residuals ``Y - P`` with every probability of a wrong outcome that is at most ``least`` taken for 0."""
        ...

    def centred(self, V: Array) -> Array:
        """``V (m, K)`` without what lies in the kernel of every ``H_i``."""
        ...

    def separates(self, Z: Array, Y: Array) -> bool:
        """Whether every sample's label is the most probable one, strictly; for independent targets in one of them."""
        ...

    def null_intercept(self, frequencies: Array) -> Array:
        """The linear predictor (K,) whose probabilities are the given ones."""
        ...

    def proportional_step(self, Z: Array, weights: Array, counts: Array) -> Array:
        """The intercept's step (1, K) of iterative proportional fitting towards ``sum_i s_i p_i = counts``."""
        ...

    def null_loss(self, frequencies: Array) -> float:
        """The mean loss of the model that predicts the given frequencies, for labels of these frequencies."""
        ...

    def uniform(self, n_targets: int) -> Array:
        """The probabilities (K,) that the linear predictor 0 stands for."""
        ...

    def mixing(self, counts: Array, deficit: Array, total: float) -> float:
        """Smallest t in [0, 1] for which ``(t counts + (1 - t) deficit) / (t total)`` is a valid prediction."""
        ...


@helper
def excess_exponential(x: float) -> float:
    """``exp(x) - 1 - x``, which is not negative, to full relative accuracy."""
    if abs(x) > _SMALL:
        return math.expm1(x) - x
    term, total = 0.5 * x * x, 0.0
    for power in range(3, 12):
        total += term
        term *= x / power
    return total


@helper
def entropy_term(p: float, excess: float) -> float:
    """``a log(a / p) - a + p >= 0`` for ``a = p + excess``, where neither p nor its logarithm underflows."""
    x = excess / p
    if abs(x) < _NEAR:
        return p * x * x * (0.5 - x * (1.0 / 6.0 - x * (1.0 / 12.0 - x / 20.0)))
    a = p + excess
    return max((a * math.log(a / p) if a > 0.0 else 0.0) - excess, 0.0)


def log_sums(logs: Array, weights: Array) -> Array:
    """``log sum_i s_i exp(logs_i)`` of each column."""
    return np.asarray(logsumexp(logs, axis=0, b=weights[:, np.newaxis]))


# ------------------------------------------------------------------------------------------------------------------ multinomial


@kernel
def subtract_largest(Z: Array, E: Array, largest: Array) -> None:
    """``E = Z - max(Z)`` in each row."""
    n, K = Z.shape
    for i in range(n):
        top = Z[i, 0]
        for k in range(1, K):
            top = max(top, Z[i, k])
        largest[i] = top
        for k in range(K):
            E[i, k] = Z[i, k] - top


@kernel
def normalise(E: Array, Y: Array, others: Array, P: Array, R: Array) -> None:
    """Probabilities and residuals from ``E = exp(Z - max Z)``; ``others`` becomes the sum of a row but for its largest entry.

    A probability above one half is subtracted from 1 by summing the others.
    """
    n, K = E.shape
    for i in range(n):
        first, rest = -1, 0.0
        for k in range(K):
            if first < 0 and E[i, k] == 1.0:
                first = k
            else:
                rest += E[i, k]
        others[i] = rest
        for k in range(K):
            P[i, k] = E[i, k] / (1.0 + rest)
            R[i, k] = -P[i, k] if Y[i, k] == 0.0 else (rest / (1.0 + rest) if k == first else 1.0 - P[i, k])


@kernel
def softmax_hessian(P: Array, T: Array, out: Array) -> None:
    """``H_i t_i = p_i o (t_i - <p_i, t_i>)``."""
    n, K = P.shape
    for i in range(n):
        mean = 0.0
        for k in range(K):
            mean += P[i, k] * T[i, k]
        for k in range(K):
            out[i, k] = P[i, k] * (T[i, k] - mean)


@kernel
def softmax_curvature(P: Array, weights: Array, out: Array) -> None:
    """``sum_i s_i (diag(p_i) - p_i p_i')``, each entry of the diagonal as the sum of the others in its row."""
    n, K = P.shape
    for i in range(n):
        for k in range(K):
            scaled = weights[i] * P[i, k]
            for m in range(k):
                out[k, m] -= scaled * P[i, m]
    for k in range(K):
        for m in range(k):
            out[m, k] = out[k, m]
    for k in range(K):
        for m in range(K):
            if m != k:
                out[k, k] -= out[k, m]


@kernel
def softmax_divergence(P: Array, step: Array, weights: Array) -> float:
    """``log sum_k p_k exp(d_k) - sum_k p_k d_k = log(1 + sum_k p_k psi(d_k - <p, d>))``, ``psi(x) = exp(x) - 1 - x >= 0``."""
    n, K = P.shape
    total = 0.0
    for i in range(n):
        mean = 0.0
        for k in range(K):
            mean += P[i, k] * step[i, k]
        growth = 0.0
        for k in range(K):
            x = step[i, k] - mean
            if x > _LONG:
                return math.inf
            growth += P[i, k] * excess_exponential(x)
        total += weights[i] * math.log1p(growth)
    return total


@kernel
def softmax_entropies(Z: Array, P: Array, excess: Array, out: Array) -> None:
    """``out_i = sum_k a_k log(a_k / p_k) - a_k + p_k`` for ``a = p + excess``."""
    n, K = P.shape
    for i in range(n):
        out[i] = 0.0
        for k in range(K):
            if P[i, k] >= _LEAST:
                out[i] += entropy_term(P[i, k], excess[i, k])
            elif excess[i, k] > 0.0:
                top, total = Z[i, 0], 0.0
                for m in range(1, K):
                    top = max(top, Z[i, m])
                for m in range(K):
                    total += math.exp(Z[i, m] - top)
                out[i] += excess[i, k] * (math.log(excess[i, k]) - (Z[i, k] - top - math.log(total)) - 1.0)


@kernel
def softmax_profiled_hessian(P: Array, T: Array, root: Array, inverse: Array, out: Array) -> None:
    """``H_i (t_i - root_i f)`` with the step f of the intercept that answers T: ``f = inverse sum_i root_i H_i t_i``."""
    n, K = P.shape
    towards = np.zeros(K)
    for i in range(n):
        mean = 0.0
        for k in range(K):
            mean += P[i, k] * T[i, k]
        for k in range(K):
            out[i, k] = P[i, k] * (T[i, k] - mean)
            towards[k] += root[i] * out[i, k]
    follow = np.zeros(K)
    for k in range(K):
        for m in range(K):
            follow[k] += inverse[k, m] * towards[m]
    for i in range(n):
        mean = 0.0
        for k in range(K):
            mean += P[i, k] * follow[k]
        for k in range(K):
            out[i, k] -= root[i] * P[i, k] * (follow[k] - mean)


class Softmax:
    """``loss(z, y) = log sum_k exp(z_k) - z_y``."""

    name = "multinomial"
    bound = 0.5

    def predict(self, Z: Array, Y: Array) -> Prediction:
        E, largest, others = np.empty_like(Z), np.empty(len(Z)), np.empty(len(Z))
        subtract_largest(Z, E, largest)
        np.exp(E, out=E)
        P, R = np.empty_like(Z), np.empty_like(Z)
        normalise(E, Y, others, P, R)
        return Prediction(largest - np.sum(Z * Y, axis=1) + np.log1p(others), P, R)

    def curvature(self, P: Array, weights: Array) -> Array:
        out = np.zeros((P.shape[1], P.shape[1]))
        softmax_curvature(P, weights, out)
        return out

    def inverse(self, C: Array) -> Array:
        """A constant added to all classes is not noticed; what else is as flat is rounding."""
        values, vectors = np.linalg.eigh(C)
        least = max(_CUTOFF * len(C) * float(values[-1]), np.finfo(float).tiny)
        inverses = np.divide(1.0, values, out=np.zeros_like(values), where=values > least)
        return (vectors * inverses) @ vectors.T

    def hessian(self, P: Array, T: Array) -> Array:
        out = np.empty_like(T)
        softmax_hessian(P, T, out)
        return out

    def profiled_hessian(self, P: Array, T: Array, root: Array, inverse: Array) -> Array:
        out = np.empty_like(T)
        softmax_profiled_hessian(P, T, root, inverse, out)
        return out

    def divergence(self, Z: Array, P: Array, step: Array, weights: Array) -> float:
        return softmax_divergence(P, step, weights)

    def relative_entropies(self, Z: Array, P: Array, excess: Array) -> Array:
        entropies = np.empty(len(Z))
        softmax_entropies(Z, P, excess, entropies)
        return entropies

    def truncated(self, R: Array, Y: Array, least: float) -> Array:
        wrong = np.where((Y == 0.0) & (-least > R), -R, 0.0)
        return np.where(Y == 0.0, -wrong, Y * np.sum(wrong, axis=1, keepdims=True))

    def centred(self, V: Array) -> Array:
        return V - np.mean(V, axis=1, keepdims=True)

    def separates(self, Z: Array, Y: Array) -> bool:
        others = np.max(np.where(Y == 1.0, -np.inf, Z), axis=1)
        return bool(np.all(np.sum(Z * Y, axis=1) > others))

    def null_intercept(self, frequencies: Array) -> Array:
        logs = np.log(frequencies)
        return logs - float(np.mean(logs))

    def proportional_step(self, Z: Array, weights: Array, counts: Array) -> Array:
        step = np.log(counts) - log_sums(log_softmax(Z, axis=1), weights)
        return self.centred(step[np.newaxis])

    def null_loss(self, frequencies: Array) -> float:
        return float(-np.sum(frequencies * np.log(frequencies)))

    def uniform(self, n_targets: int) -> Array:
        return np.full(n_targets, 1.0 / n_targets)

    def mixing(self, counts: Array, deficit: Array, total: float) -> float:
        return _least_share(counts, deficit)


# -------------------------------------------------------------------------------------------------------------------- logistic


@kernel
def sigmoid_divergence(Z: Array, P: Array, step: Array, weights: Array) -> float:
    """`softmax_divergence` for the two outcomes of each target, the second with predictor 0."""
    n, K = P.shape
    total = 0.0
    for i in range(n):
        for k in range(K):
            p, d = P[i, k], step[i, k]
            if abs(d) > _LONG:
                return math.inf
            q = 1.0 - p if p < 0.5 else p * math.exp(-Z[i, k])
            growth = p * excess_exponential(q * d) + q * excess_exponential(-p * d)
            total += weights[i] * math.log1p(growth)
    return total


@helper
def outcome_term(z: float, p: float, excess: float) -> float:
    """`entropy_term` of an outcome with log-odds ``z``."""
    if p >= _LEAST:
        return entropy_term(p, excess)
    log_p = min(z, 0.0) - math.log1p(math.exp(-abs(z)))
    return excess * (math.log(excess) - log_p - 1.0) if excess > 0.0 else 0.0


@kernel
def sigmoid_entropies(Z: Array, P: Array, excess: Array, out: Array) -> None:
    """`softmax_entropies` for the two outcomes of each target, summed."""
    n, K = P.shape
    for i in range(n):
        out[i] = 0.0
        for k in range(K):
            z, e = Z[i, k], excess[i, k]
            q = 1.0 - P[i, k] if z < 0.0 else math.exp(-z) * P[i, k]
            out[i] += outcome_term(z, P[i, k], e) + outcome_term(-z, q, -e)


@kernel
def sigmoid_profiled_hessian(P: Array, T: Array, root: Array, inverse: Array, out: Array) -> None:
    """`softmax_profiled_hessian` for independent targets; ``inverse`` is diagonal."""
    n, K = P.shape
    towards = np.zeros(K)
    for i in range(n):
        for k in range(K):
            out[i, k] = P[i, k] * (1.0 - P[i, k])
            towards[k] += root[i] * out[i, k] * T[i, k]
    for i in range(n):
        for k in range(K):
            out[i, k] *= T[i, k] - root[i] * inverse[k, k] * towards[k]


class Sigmoid:
    """``loss(z, y) = sum_t log(1 + exp(z_t)) - y_t z_t``."""

    name = "logistic"
    bound = 0.25

    def predict(self, Z: Array, Y: Array) -> Prediction:
        towards = np.where(Y == 1.0, Z, -Z)
        E = np.exp(-np.abs(Z))
        losses = np.sum(np.maximum(-towards, 0.0) + np.log1p(E), axis=1)
        small, large = E / (1.0 + E), 1.0 / (1.0 + E)
        missed = np.where(towards > 0, small, large)
        return Prediction(losses, np.where(Z > 0, large, small), np.where(Y == 1.0, missed, -missed))

    def curvature(self, P: Array, weights: Array) -> Array:
        return np.diag(np.sum(weights[:, np.newaxis] * P * (1.0 - P), axis=0))

    def inverse(self, C: Array) -> Array:
        """Of a diagonal matrix, however far apart the targets' curvatures are."""
        diagonal = np.diag(C)
        return np.diag(np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > np.finfo(float).tiny))

    def hessian(self, P: Array, T: Array) -> Array:
        return P * (1.0 - P) * T

    def profiled_hessian(self, P: Array, T: Array, root: Array, inverse: Array) -> Array:
        out = np.empty_like(T)
        sigmoid_profiled_hessian(P, T, root, inverse, out)
        return out

    def divergence(self, Z: Array, P: Array, step: Array, weights: Array) -> float:
        return sigmoid_divergence(Z, P, step, weights)

    def relative_entropies(self, Z: Array, P: Array, excess: Array) -> Array:
        entropies = np.empty(len(Z))
        sigmoid_entropies(Z, P, excess, entropies)
        return entropies

    def truncated(self, R: Array, Y: Array, least: float) -> Array:
        return np.where(np.abs(R) <= least, 0.0, R)

    def centred(self, V: Array) -> Array:
        return V

    def separates(self, Z: Array, Y: Array) -> bool:
        return bool(np.any(np.all(np.where(Y == 1.0, Z, -Z) > 0, axis=0)))

    def null_intercept(self, frequencies: Array) -> Array:
        return np.log(frequencies) - np.log1p(-frequencies)

    def proportional_step(self, Z: Array, weights: Array, counts: Array) -> Array:
        no = float(np.sum(weights)) - counts
        step = np.log(counts) - log_sums(log_expit(Z), weights) - np.log(no) + log_sums(log_expit(-Z), weights)
        return step[np.newaxis]

    def null_loss(self, frequencies: Array) -> float:
        others = 1.0 - frequencies
        return float(-np.sum(frequencies * np.log(frequencies) + others * np.log(others)))

    def uniform(self, n_targets: int) -> Array:
        return np.full(n_targets, 0.5)

    def mixing(self, counts: Array, deficit: Array, total: float) -> float:
        return max(_least_share(counts, deficit), _least_share(total - counts, -deficit))


LINKS: dict[str, Link] = {link.name: link for link in (Softmax(), Sigmoid())}


def _least_share(counts: Array, deficit: Array) -> float:
    """Smallest t for which ``t counts + (1 - t) deficit >= 0``."""
    short = np.maximum(-deficit, 0.0)
    return float(np.max(np.divide(short, counts + short, out=np.zeros_like(short), where=short > 0)))
