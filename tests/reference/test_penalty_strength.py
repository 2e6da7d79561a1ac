"""The table of `docs/penalty_strength.md`: the same coefficients from other packages, at the strength that it states."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from solvers import GroupSparsity, RegularizedShrinkNet, lambda_max, solve

RNG = np.random.default_rng(0)
N, P, T = 60, 8, 3
X = RNG.standard_normal((N, P))
Y = X[:, :2] @ RNG.standard_normal((2, T)) + 0.3 * RNG.standard_normal((N, T))
LABELS = np.argmax(Y + 0.5 * RNG.standard_normal((N, T)), axis=1)


def ours(loss: str, targets: np.ndarray, share: float = 0.2, **options: object) -> tuple[float, np.ndarray]:
    """Some lam, and the coefficients there."""
    lam = share * lambda_max(X, targets, loss=loss, **options)
    return lam, solve(X, targets, GroupSparsity(lam), loss=loss, tol=1e-13, **options).coef


def test_the_drafts_sums() -> None:
    """Its objective is ``2/T`` times ours, at every point, so that the minimisers are the same."""
    lam, coef = ours("squared", Y)
    fit = solve(X, Y, GroupSparsity(lam), tol=1e-13)
    draft = np.mean((Y - fit.predict(X)) ** 2) + 2 * lam / T * np.sum(np.linalg.norm(coef, axis=0))
    assert draft == pytest.approx(2 / T * fit.objective)
    penalty = RegularizedShrinkNet(0.1, 0.2)
    fit = solve(X, Y, penalty)
    strengths = 2 * 0.1 / T * np.sum(np.abs(fit.beta)) + 2 * 0.2 / T * np.sum(fit.A**2)
    assert np.mean((Y - fit.predict(X)) ** 2) + strengths == pytest.approx(2 / T * fit.objective)


def test_scikit_learn_multi_task_lasso() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    lam, coef = ours("squared", Y)
    peer = linear_model.MultiTaskLasso(alpha=lam, tol=1e-12, max_iter=100_000).fit(X, Y)
    np.testing.assert_allclose(peer.coef_, coef, atol=1e-6)


def test_scikit_learn_lasso() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    lam, coef = ours("squared", Y[:, 0])
    peer = linear_model.Lasso(alpha=lam, tol=1e-12, max_iter=100_000).fit(X, Y[:, 0])
    np.testing.assert_allclose(peer.coef_, coef[0], atol=1e-6)


def ridged(
    loss: str, targets: np.ndarray, l2: float = 0.1, share: float = 0.2, weights: np.ndarray | None = None
) -> tuple[float, float, np.ndarray]:
    """Some lam, some l2, and the coefficients there."""
    lam = share * lambda_max(X, targets, loss=loss)
    return lam, l2, solve(X, targets, GroupSparsity(lam, weights, l2), loss=loss, tol=1e-13).coef


def test_scikit_learn_multi_task_elastic_net() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    lam, l2, coef = ridged("squared", Y)
    strength = {"alpha": lam + l2, "l1_ratio": lam / (lam + l2)}
    peer = linear_model.MultiTaskElasticNet(**strength, tol=1e-12, max_iter=100_000).fit(X, Y)
    np.testing.assert_allclose(peer.coef_, coef, atol=1e-6)


def test_scikit_learn_elastic_net() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    lam, l2, coef = ridged("squared", Y[:, 0])
    strength = {"alpha": lam + l2, "l1_ratio": lam / (lam + l2)}
    peer = linear_model.ElasticNet(**strength, tol=1e-12, max_iter=100_000).fit(X, Y[:, 0])
    np.testing.assert_allclose(peer.coef_, coef[0], atol=1e-6)


def test_scikit_learn_ridge() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    _, l2, coef = ridged("squared", Y, share=0.0)
    np.testing.assert_allclose(linear_model.Ridge(alpha=N * l2).fit(X, Y).coef_, coef, atol=1e-6)


@pytest.mark.parametrize(("loss", "labels"), [("multinomial", LABELS), ("logistic", (LABELS == 0).astype(int))])
def test_scikit_learn_logistic_regression_with_a_ridge(loss: str, labels: np.ndarray) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    _, l2, coef = ridged(loss, labels, share=0.0)
    peer = linear_model.LogisticRegression(C=1 / (N * l2), tol=1e-10, max_iter=10_000).fit(X, labels)
    np.testing.assert_allclose(peer.coef_, coef, atol=1e-5)


def test_scikit_learn_logistic_regression() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    y = (LABELS == 0).astype(int)
    lam, coef = ours("logistic", y)
    peer = linear_model.LogisticRegression(l1_ratio=1, C=1 / (N * lam), solver="saga", tol=1e-12, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(peer.coef_, coef, atol=1e-6)


def test_two_classes_at_root_two_times_the_strength() -> None:
    y = (LABELS == 0).astype(int)
    lam, coef = ours("logistic", y)
    two = solve(X, y, GroupSparsity(np.sqrt(2) * lam), loss="multinomial", tol=1e-13).coef
    np.testing.assert_allclose(two, [-coef[0] / 2, coef[0] / 2], atol=1e-6)
    lam, l2, coef = ridged("logistic", y)
    two = solve(X, y, GroupSparsity(np.sqrt(2) * lam, l2=2 * l2), loss="multinomial", tol=1e-13).coef
    np.testing.assert_allclose(two, [-coef[0] / 2, coef[0] / 2], atol=1e-6)


def test_celer() -> None:
    homotopy = pytest.importorskip("celer.homotopy")
    lam, coef = ours("squared", Y, fit_intercept=False)
    _, coefs, _ = homotopy.mtl_path(np.asfortranarray(X), np.asfortranarray(Y), alphas=np.array([lam]), tol=1e-12)
    np.testing.assert_allclose(coefs[..., 0], coef, atol=1e-6)


def test_skglm() -> None:
    pytest.importorskip("skglm")
    from skglm.datafits import QuadraticMultiTask
    from skglm.penalties import L2_1
    from skglm.solvers import MultiTaskBCD

    lam, coef = ours("squared", Y, fit_intercept=False)
    solver = MultiTaskBCD(tol=1e-10, fit_intercept=False)
    _, coefs, _ = solver.path(np.asfortranarray(X), np.asfortranarray(Y), QuadraticMultiTask(), L2_1(lam), np.array([lam]))
    np.testing.assert_allclose(coefs[..., 0], coef, atol=1e-6)


@pytest.mark.parametrize(("l2", "weights"), [(0.0, np.ones(P)), (0.1, np.linspace(0.5, 2.0, P))], ids=["norms", "weighted ridge"])
@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_adelie(loss: str, l2: float, weights: np.ndarray) -> None:
    adelie = pytest.importorskip("adelie")
    targets = np.asfortranarray(Y if loss == "squared" else np.eye(T)[LABELS])
    lam, l2, coef = ridged(loss, targets, l2, weights=weights)
    glm = adelie.glm.multigaussian(targets) if loss == "squared" else adelie.glm.multinomial(targets)
    state = adelie.grpnet(
        np.asfortranarray(X),
        glm,
        penalty=weights,
        lmda_path=np.array([(lam + l2) / T]),
        alpha=lam / (lam + l2),
        tol=1e-16,
        irls_tol=1e-14,
        early_exit=False,
        progress_bar=False,
    )
    np.testing.assert_allclose(state.betas[-1].toarray().reshape(P, T).T, coef, atol=1e-5)


def test_glmnets_multinomial_loss_is_a_mean_of_log_likelihoods() -> None:
    """As its documentation writes it; the package itself is not run here."""
    lam, _ = ours("multinomial", LABELS)
    fit = solve(X, LABELS, GroupSparsity(lam), loss="multinomial", tol=1e-13)
    logs = log_softmax(fit.decision_function(X), axis=1)[np.arange(N), LABELS]
    assert fit.objective == pytest.approx(-np.mean(logs) + lam * np.sum(np.linalg.norm(fit.coef, axis=0)))
