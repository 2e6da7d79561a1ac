"""What the tests know about the objectives, in plain NumPy and SciPy and independent of the package."""

from __future__ import annotations

import numpy as np
from scipy.special import entr, logsumexp

from tests.strategies import LabelProblem, Problem


def centred(A: np.ndarray, p: Problem) -> np.ndarray:
    """Columns minus their weighted means, where the problem has an intercept; constant columns become exact zeros."""
    # The documented rule: columns below 1e-290 count as zero.
    A = np.where(np.max(np.abs(A), axis=0) < 1e-290, 0.0, A)
    if not p.fit_intercept:
        return A
    s = p.row_weights
    counted = A[s > 0]
    # Subtracting a row first leaves the differences, which are of the size of the spread: no cancellation in the means.
    A = A - counted[0]
    A = A - (s @ A) / s.sum()
    A[:, np.ptp(counted, axis=0) == 0] = 0.0
    return A


def objective(p: Problem, lam: float, coef: np.ndarray, intercept: np.ndarray) -> float:
    """``1/(2n) sum_i s_i ||y_i - coef x_i - intercept||^2 + lam sum_j w_j ||coef_:j||``."""
    s = p.row_weights
    residual = p.Y - p.X @ coef.T - intercept
    loss = float(s @ (residual**2).sum(axis=1)) / (2 * s.sum())
    return loss + lam * float(p.group_weights @ np.linalg.norm(coef, axis=0))


def null_loss(p: Problem) -> float:
    """Loss of the intercept-only model."""
    s = p.row_weights
    return float(s @ (centred(p.Y, p) ** 2).sum(axis=1)) / (2 * s.sum())


def relative_gap(p: Problem, lam: float, coef: np.ndarray) -> float:
    """Primal minus dual at the best intercept, over the null loss; unpenalised columns are projected out by least squares.

    Primal and dual are evaluated separately and subtracted: another formula than the package's, good to about 1e-12.
    """
    s, w = p.row_weights, lam * p.group_weights
    n, root = s.sum(), np.sqrt(s)[:, None]
    X, Y = root * centred(p.X, p), root * centred(p.Y, p)
    R = Y - X @ coef.T
    free = X[:, w == 0]
    size = np.where(np.abs(free).max(axis=0, initial=0) > 0, np.abs(free).max(axis=0, initial=0), 1.0)
    P = R
    if free.shape[1]:
        P = R - (free / size) @ np.linalg.lstsq(free / size, R, rcond=1e-13)[0]
    norms = np.linalg.norm(X.T @ P, axis=1) / n
    live = (w > 0) & (norms > 0)
    theta = P * min(1.0, np.min(w[live] / norms[live], initial=1.0))
    primal = (R**2).sum() / (2 * n) + w @ np.linalg.norm(coef, axis=0)
    dual = ((Y**2).sum() - ((Y - theta) ** 2).sum()) / (2 * n)
    return float((primal - dual) / null_loss(p))


def label_losses(p: LabelProblem, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Negative log-likelihoods of the samples."""
    Z = p.X @ coef.T + intercept
    if p.loss == "multinomial":
        return logsumexp(Z, axis=1) - np.sum(np.where(p.one_hot == 1, Z, 0.0), axis=1)
    return np.sum(np.logaddexp(0.0, np.where(p.one_hot == 1, -Z, Z)), axis=1)


def label_objective(p: LabelProblem, lam: float, coef: np.ndarray, intercept: np.ndarray) -> float:
    """``1/n sum_i s_i loss_i + lam sum_j w_j ||coef_:j||``."""
    s = p.row_weights
    losses = np.where(s > 0, label_losses(p, coef, intercept), 0.0)
    return float(s @ losses / s.sum()) + lam * float(p.group_weights @ np.linalg.norm(coef, axis=0))


def entropy(p: LabelProblem, P: np.ndarray) -> np.ndarray:
    """Of each row of probabilities: over the classes, or summed over independent targets."""
    if p.loss == "multinomial":
        return np.sum(entr(P), axis=1)
    return np.sum(entr(P) + entr(1.0 - P), axis=1)
