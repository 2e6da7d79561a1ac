"""Training on any regression problem: the Gram and the rows, with and without collection, walk the same way."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solvers import ConvergenceWarning, FirstSignChange, NoRemoval, SignVariance, Status, train_shrinknet
from tests.strategies import Problem, problems

# Steps of a fixed length know nothing of a column's scale: huge and far columns only diverge.
WALKABLE = (
    *("zero column", "constant column", "duplicate column", "opposite column", "dependent column", "indicator column"),
    *("constant target", "all constant targets", "duplicate target", "exact fit", "equal rows"),
    *("zero row weights", "uneven row weights"),
)
OPTIMIZERS = st.sampled_from(["adagrad", "adam"])
REMOVALS = st.sampled_from([SignVariance(0.9), SignVariance(0.0, initial_mean=1), FirstSignChange(), NoRemoval()])


def train(p: Problem, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return train_shrinknet(p.X, p.Y, lam=0.1, lr=0.05, n_epochs=100, random_state=1, **p.data(), **options)


@settings(max_examples=60)
@given(p=problems(ugly=WALKABLE), optimizer=st.sampled_from(["adagrad", "sgd"]), removal=REMOVALS)
def test_the_gram_gives_the_iterates_of_the_rows(p, optimizer, removal):
    on_gram, on_rows = (train(p, optimizer=optimizer, removal=removal, gram=gram) for gram in (True, False))
    # A switch within rounding of zero has either sign.
    assume(on_gram.ledger.live.tolist() == on_rows.ledger.live.tolist())
    np.testing.assert_allclose(on_gram.coef, on_rows.coef, atol=1e-8)
    np.testing.assert_allclose(on_gram.intercept, on_rows.intercept, atol=1e-8)
    np.testing.assert_allclose(on_gram.losses, on_rows.losses, rtol=1e-8, atol=1e-10)


@settings(max_examples=60)
@given(p=problems(ugly=WALKABLE), optimizer=OPTIMIZERS, removal=REMOVALS, gate=st.sampled_from(["signed", "relu"]))
def test_collection_changes_cost_alone(p, optimizer, removal, gate):
    kept, collected = (train(p, optimizer=optimizer, removal=removal, gate=gate, gram=False, collect=c) for c in (False, True))
    assume(kept.ledger.live.tolist() == collected.ledger.live.tolist())
    np.testing.assert_allclose(kept.coef, collected.coef, atol=1e-8)
    assert collected.ledger.multiply_adds <= kept.ledger.multiply_adds


@settings(max_examples=60)
@given(p=problems(ugly=WALKABLE), removal=REMOVALS)
def test_what_is_returned_is_consistent(p, removal):
    net = train(p, removal=removal)
    assert net.status is Status.FEASIBLE
    np.testing.assert_array_equal(net.coef, net.A * net.beta)
    removed = np.concatenate([np.empty(0, dtype=int), *(event.inputs for event in net.events)])
    assert len(set(removed)) == len(removed) == p.X.shape[1] - net.n_live
    assert not net.coef[:, removed].any()
    s = p.row_weights
    residual = p.Y - p.X @ net.coef.T - net.intercept
    loss = float(s @ np.sum(residual**2, axis=1)) / (2 * s.sum())
    np.testing.assert_allclose(net.loss, loss, rtol=1e-9, atol=1e-20)
    np.testing.assert_allclose(net.objective, loss + 0.1 * np.abs(net.beta).sum(), rtol=1e-9, atol=1e-20)
    assert np.all(np.diff(net.ledger.live) <= 0)


@settings(max_examples=30)
@given(p=problems(ugly=WALKABLE), seed=st.integers(0, 100))
def test_a_weight_of_two_is_a_row_twice(p, seed):
    weights = np.where(np.random.default_rng(seed).random(len(p.X)) < 0.5, 2.0, 1.0)
    twice = np.repeat(np.arange(len(p.X)), weights.astype(int))
    options = {"lam": 0.1, "lr": 0.05, "n_epochs": 50, "random_state": 1, "removal": NoRemoval(), "gram": False}
    weighted = train_shrinknet(p.X, p.Y, sample_weight=weights, **options)
    repeated = train_shrinknet(p.X[twice], p.Y[twice], **options)
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=1e-8)
