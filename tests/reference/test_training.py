"""`train_shrinknet` against the draft's loop, written anew in plain NumPy; and against finite differences of the objective."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from solvers import FirstSignChange, NoRemoval, RegularizedShrinkNet, SignVariance, Threshold, solve, train_shrinknet
from solvers.regression.training.data import TrainingData
from solvers.regression.training.optimizers import as_stepper
from solvers.regression.training.state import OPEN, RELU, SIGNED, initial_state

KINDS = {"signed": SIGNED, "relu": RELU, "none": OPEN}


def objective_and_gradient(A, beta, b, X, Y, s, loss, gate, lam, lam2, p):
    """Loss plus penalty of the draft, and its gradient by the chain rule, sample by sample in matrices."""
    scale = {"signed": beta, "relu": np.maximum(beta, 0), "none": np.ones_like(beta)}[gate]
    Z = X @ (A * scale).T + b
    share = (s / s.sum())[:, None]
    if loss == "squared":
        value, dZ = 0.5 * np.sum(share * (Y - Z) ** 2), share * (Z - Y)
    elif loss == "multinomial":
        P = softmax(Z, axis=1)
        value, dZ = -np.sum(share * Y * np.log(P)), share * (P - Y)
    else:
        P = expit(Z)
        value, dZ = -np.sum(share * np.where(Y == 1, np.log(P), np.log1p(-P))), share * (P - Y)
    dW = dZ.T @ X
    dA = dW * scale + lam2 * p * np.abs(A) ** (p - 1) * np.sign(A)
    if gate == "none":
        dA += lam * A / np.linalg.norm(A, axis=0)
        return value + lam * np.linalg.norm(A, axis=0).sum() + lam2 * np.sum(np.abs(A) ** p), dA, np.zeros_like(beta), dZ.sum(0)
    dbeta = np.sum(dW * A, axis=0)
    dbeta = np.where(beta > 0, dbeta + lam, 0) if gate == "relu" else dbeta + lam * np.sign(beta)
    return value + lam * np.abs(scale).sum() + lam2 * np.sum(np.abs(A) ** p), dA, dbeta, dZ.sum(0)


class Optimizer:
    """One variable's optimiser, as PyTorch documents it."""

    def __init__(self, name, lr):
        self.name, self.lr, self.t, self.m, self.v = name, lr, 0, 0.0, 0.0

    def __call__(self, x, g):
        self.t += 1
        if self.name == "sgd":
            return x - self.lr * g
        if self.name == "adagrad":
            self.v = self.v + g**2
            return x - self.lr * g / (np.sqrt(self.v) + 1e-10)
        self.m, self.v = 0.9 * self.m + 0.1 * g, 0.999 * self.v + 0.001 * g**2
        return x - self.lr * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)


def reference(X, Y, s, *, loss, gate, lam, lam2, p, optimizer, lr, n_epochs, removal, batch_size, statistics, rng):
    """The loop of the draft with masks instead of collection: A, beta, b, live inputs per epoch."""
    state = initial_state((Y.shape[1], X.shape[1]), KINDS[gate], as_stepper(optimizer, lr), removal, rng, True).variables
    A, beta, b = state.A.copy(), state.beta.copy(), state.b.copy()
    steppers = [Optimizer(optimizer, lr) for _ in range(3)]
    m, v, alive = state.mean.copy(), np.zeros(len(beta)), np.ones(len(beta), dtype=bool)
    gamma = getattr(removal, "gamma", 0.0)
    live = []
    for _ in range(n_epochs):
        live.append(int(alive.sum()))
        if batch_size is None:
            batches = [np.arange(len(X))]
        else:
            order = rng.permutation(len(X))
            batches = [order[i : i + batch_size] for i in range(0, len(X), batch_size)]
        for number, rows in enumerate(batches):
            args = (X[rows], Y[rows], s[rows], loss, gate, lam, lam2, p)
            _, dA, dbeta, db = objective_and_gradient(A, beta, b, *args)
            A, b = steppers[0](A, dA), steppers[2](b, db)
            if gate == "none":
                continue
            beta = steppers[1](beta, dbeta) * alive
            if statistics == "epoch" and number < len(batches) - 1:
                continue
            d = np.sign(beta) - m
            v, m = gamma * v + (1 - gamma) * d**2, gamma * m + (1 - gamma) * np.sign(beta)
            dies = np.zeros_like(alive)
            if isinstance(removal, SignVariance):
                dies = v > removal.threshold
            if isinstance(removal, FirstSignChange):
                dies = d != 0
            if isinstance(removal, Threshold):
                dies = np.abs(beta) < removal.value
            if gate == "relu":
                dies |= beta <= 0
            alive &= ~dies
            beta = beta * alive
    scale = {"signed": beta, "relu": np.maximum(beta, 0), "none": np.ones_like(beta)}[gate]
    return A * alive, scale, b, live


def problem(loss: str, seed: int = 0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((40, 7)) + 0.3
    Z = X[:, :3] @ rng.standard_normal((3, 3)) + 0.5 * rng.standard_normal((40, 3))
    s = rng.uniform(0.5, 2.0, 40)
    if loss == "squared":
        return X, Z, Z, s
    if loss == "multinomial":
        labels = np.argmax(Z, axis=1)
        return X, labels, np.eye(3)[labels], s
    return X, (Z > 0).astype(float), (Z > 0).astype(float), s


CASES = [
    # loss, gate, optimizer, removal, batch_size, statistics, lam2, p
    ("squared", "signed", "adagrad", SignVariance(0.9), None, "step", 0.0, 2),
    ("squared", "signed", "adam", SignVariance(0.5, initial_mean=1), None, "step", 0.01, 1),
    ("squared", "signed", "sgd", FirstSignChange(), None, "step", 0.01, 2),
    ("squared", "relu", "adagrad", NoRemoval(), None, "step", 0.0, 2),
    ("squared", "relu", "adam", NoRemoval(), None, "step", 0.0, 2),
    ("squared", "none", "adagrad", NoRemoval(), None, "step", 0.0, 2),
    ("squared", "signed", "adagrad", Threshold(0.1), None, "step", 0.02, 1.5),
    ("squared", "signed", "adagrad", SignVariance(0.9), 16, "step", 0.0, 2),
    ("squared", "signed", "adam", SignVariance(0.8), 16, "epoch", 0.0, 2),
    ("multinomial", "signed", "adagrad", SignVariance(0.9), None, "step", 0.0, 2),
    ("multinomial", "signed", "adam", SignVariance(0.9), 16, "step", 0.01, 2),
    ("logistic", "relu", "adagrad", NoRemoval(), 11, "step", 0.01, 1),
    ("logistic", "signed", "sgd", SignVariance(0.7), None, "step", 0.0, 2),
]


@pytest.mark.parametrize("collect", [True, False])
@pytest.mark.parametrize(("loss", "gate", "optimizer", "removal", "batch_size", "statistics", "lam2", "p"), CASES)
def test_the_iterates_are_those_of_the_draft(loss, gate, optimizer, removal, batch_size, statistics, lam2, p, collect):
    X, Y, one_hot, s = problem(loss)
    options = {
        **{"loss": loss, "gate": gate, "lam": 0.08, "lam2": lam2, "p": p, "optimizer": optimizer, "lr": 0.07},
        **{"n_epochs": 60, "removal": removal, "batch_size": batch_size, "statistics": statistics},
    }
    A, beta, b, live = reference(X, one_hot, s, **options, rng=np.random.default_rng(5))
    for gram in (True, False) if loss == "squared" and batch_size is None else (False,):
        net = train_shrinknet(X, Y, **options, collect=collect, sample_weight=s, gram=gram, random_state=5)
        np.testing.assert_allclose(net.coef, A * beta, atol=1e-8)
        np.testing.assert_allclose(net.intercept, b, atol=1e-8)
        assert net.ledger.live.tolist() == live
        value, *_ = objective_and_gradient(A, beta, b, X, one_hot, s, loss, gate, 0.08, lam2, p)
        # What was removed has no price any more.
        gone = ~net.coef.any(axis=0)
        value -= lam2 * np.sum(np.abs(A[:, gone]) ** p)
        assert net.objective == pytest.approx(value, rel=1e-9)
    if gate == "signed":
        assert live[-1] < live[0], "the case removes nothing"


@pytest.mark.parametrize("loss", ["squared", "multinomial", "logistic"])
@pytest.mark.parametrize("gate", list(KINDS))
def test_the_reference_gradient_is_that_of_its_objective(loss, gate):
    X, _, one_hot, s = problem(loss)
    rng = np.random.default_rng(1)
    point = [rng.standard_normal((3, 7)), rng.standard_normal(7), rng.standard_normal(3)]
    rest = (X, one_hot, s, loss, gate, 0.3, 0.2, 1.5)
    _, *gradients = objective_and_gradient(*point, *rest)
    for x, g in zip(point, gradients, strict=True):
        direction = rng.standard_normal(x.shape)
        values = []
        for step in (1e-6, -1e-6):
            x += step * direction
            values.append(objective_and_gradient(*point, *rest)[0])
            x -= step * direction
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(np.sum(g * direction), rel=1e-5, abs=1e-8)


def test_long_training_with_lam2_comes_near_the_exact_solver():
    X, Y, _, _ = problem("squared")
    penalty = RegularizedShrinkNet(0.05, 0.05, 2)
    exact = solve(X, Y, penalty)
    nets = [
        train_shrinknet(X, Y, lam=0.05, lam2=0.05, lr=0.05, n_epochs=20_000, removal=SignVariance(0.9), random_state=seed)
        for seed in range(3)
    ]
    best = min(nets, key=lambda net: net.objective)
    assert best.objective >= exact.objective * (1 - 1e-9)
    assert best.objective <= exact.objective * 1.02


@pytest.mark.parametrize("loss", ["squared", "multinomial", "logistic"])
def test_the_null_loss_is_that_of_the_best_intercept(loss):
    X, Y, _, s = problem(loss)
    data = TrainingData.build(X, Y, loss, True, s)
    assert data.null_loss == pytest.approx(data.loss_of(np.zeros(data.shape), data.null_intercept), rel=1e-12)
    for shift in np.eye(3):
        assert data.loss_of(np.zeros(data.shape), data.null_intercept + 1e-3 * shift) > data.null_loss
    assert solve(X, Y, RegularizedShrinkNet(1e3, 1e3), loss=loss, sample_weight=s).null_loss == pytest.approx(data.null_loss)
