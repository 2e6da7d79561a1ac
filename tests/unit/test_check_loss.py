"""`check_loss` passes the package's losses and names what is wrong with others: each bug here is planted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from solvers import (
    GroupSparsity,
    IncompatibleError,
    InputError,
    LogisticLoss,
    Loss,
    MultinomialLoss,
    SquaredLoss,
    check_loss,
    lambda_max,
    solve,
    solve_path,
)

LOSSES = [SquaredLoss(), MultinomialLoss(), LogisticLoss()]


@dataclass(frozen=True)
class Huber(Loss):
    """The Huber loss with threshold 1, summed over targets: right in all its parts."""

    name = "huber"
    curvature_bound = 1.0

    def value(self, Z, Y):
        size = np.abs(Z - Y)
        return np.sum(np.where(size <= 1, 0.5 * size**2, size - 0.5), axis=1)

    def gradient(self, Z, Y):
        return np.clip(Z - Y, -1.0, 1.0)

    def hessian(self, Z, Y, T):
        return np.where(np.abs(Z - Y) <= 1, T, 0.0)

    def conjugate(self, U, Y):
        inside = np.all(np.abs(U) <= 1.0 + 1e-12, axis=1)
        return np.where(inside, np.sum(0.5 * U**2 + U * Y, axis=1), np.inf)

    def draw_targets(self, n_samples, n_targets, rng):
        return rng.standard_normal((n_samples, n_targets))


def failed(loss: Loss) -> set[str]:
    return {check.name for check in check_loss(loss).failures}


@pytest.mark.parametrize("loss", [*LOSSES, Huber()], ids=lambda loss: loss.name)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_correct_losses_hold(loss: Loss, seed: int) -> None:
    report = check_loss(loss, random_state=seed)
    assert report.holds, report
    assert len(report.checks) == 9


def test_a_name_stands_for_its_loss() -> None:
    assert check_loss("logistic") == check_loss(LogisticLoss())


# ------------------------------------------------------------------------------------------------------------ planted bugs


class WrongSign(Huber):
    def gradient(self, Z, Y):
        return -super().gradient(Z, Y)


class MissingFactor(SquaredLoss):
    def gradient(self, Z, Y):
        return 2.0 * super().gradient(Z, Y)


class HalvedHessian(LogisticLoss):
    def hessian(self, Z, Y, T):
        return 0.5 * super().hessian(Z, Y, T)


class TooFlat(MultinomialLoss):
    curvature_bound = 0.25


class Bumpy(Huber):
    def value(self, Z, Y):
        return np.sum(np.sin(Z - Y), axis=1)

    def gradient(self, Z, Y):
        return np.cos(Z - Y)

    def hessian(self, Z, Y, T):
        return -np.sin(Z - Y) * T


class Entropy(LogisticLoss):
    """The entropy itself, not its negative."""

    def conjugate(self, U, Y):
        return -super().conjugate(U, Y)


class ShiftedConjugate(SquaredLoss):
    def conjugate(self, U, Y):
        return super().conjugate(U, Y) + 1e-4


class ForgottenTarget(SquaredLoss):
    def conjugate(self, U, Y):
        return np.sum(0.5 * U**2, axis=1)


class Overflowing(LogisticLoss):
    def value(self, Z, Y):
        return np.sum(np.log(1.0 + np.exp(Z)) - Y * Z, axis=1)


class Mixed(SquaredLoss):
    """Divides by the number of samples, which is the solver's business."""

    def value(self, Z, Y):
        return super().value(Z, Y) / len(Z)


class Writing(SquaredLoss):
    def gradient(self, Z, Y):
        Z -= Y
        return Z


class Raising(SquaredLoss):
    def hessian(self, Z, Y, T):
        raise ZeroDivisionError("on purpose")


@pytest.mark.parametrize(
    ("loss", "name", "suspect"),
    [
        (WrongSign(), "gradient", "gradient"),
        (MissingFactor(), "gradient", "gradient"),
        (HalvedHessian(), "hessian", "hessian"),
        (TooFlat(), "curvature bound", "curvature_bound"),
        (Bumpy(), "convexity", ""),
        (Entropy(), "conjugate", "conjugate"),
        (ShiftedConjugate(), "Fenchel-Young equality", "conjugate"),
        (ForgottenTarget(), "Fenchel-Young inequality", "conjugate"),
        (Overflowing(), "value", "value"),
        (Mixed(), "rows", ""),
        (Writing(), "rows", ""),
        (Raising(), "hessian", ""),
    ],
    ids=lambda argument: type(argument).__name__ if isinstance(argument, Loss) else None,
)
def test_a_planted_bug_is_named(loss: Any, name: str, suspect: str) -> None:
    report = check_loss(loss)
    assert name in failed(loss), report
    assert report.suspect == suspect, report
    assert "FAIL" in repr(report)
    assert all(check.example and check.advice for check in report.failures)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check_loss("hinge"), InputError, "loss must be one of 'squared', 'multinomial', 'logistic', or a Loss"),
        (lambda: check_loss(3.0), IncompatibleError, "loss must be a Loss or one of"),  # pyright: ignore
        (lambda: check_loss("squared", n_targets=[]), InputError, "n_targets must have at least one entry"),
        (lambda: check_loss("squared", n_targets=[0]), InputError, "each of n_targets must be at least 1"),
        (lambda: check_loss("squared", random_state=-1), InputError, "random_state must be at least 0"),
    ],
)
def test_wrong_arguments_are_refused(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()


def test_a_loss_without_a_bound_is_refused() -> None:
    class Boundless(Huber):
        curvature_bound = 0.0

    with pytest.raises(InputError, match=r"loss.curvature_bound must be finite and greater than 0"):
        check_loss(Boundless())


# ------------------------------------------------------------------------------------------------------- losses in `solve`


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_loss_object_is_minimised_like_its_name(loss: Loss) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 4))
    Y = (X[:, 0] + rng.standard_normal(40) > 0).astype(int)
    lam = 0.3 * lambda_max(X, Y, loss=loss)
    assert lam == 0.3 * lambda_max(X, Y, loss=loss.name)
    fit = solve(X, Y, GroupSparsity(lam), loss=loss)
    np.testing.assert_array_equal(fit.coef, solve(X, Y, GroupSparsity(lam), loss=loss.name).coef)
    assert solve_path(X, Y, n_lams=2, loss=loss).fits[0].loss == solve_path(X, Y, n_lams=2, loss=loss.name).fits[0].loss


def test_the_reported_loss_is_the_mean_of_the_values() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    Y = (X[:, :2] + rng.standard_normal((30, 2)) > 0).astype(float)
    for loss in (SquaredLoss(), LogisticLoss()):
        fit = solve(X, Y, GroupSparsity(0.01), loss=loss)
        Z = X @ fit.coef.T + fit.intercept
        assert np.mean(loss.value(Z, Y)) == pytest.approx(fit.loss, rel=1e-12)


def test_a_loss_of_ones_own_is_not_minimised() -> None:
    with pytest.raises(IncompatibleError, match=r"to be minimised, got Huber.*check_loss"):
        solve(np.eye(3), np.arange(3.0), GroupSparsity(0.1), loss=Huber())
