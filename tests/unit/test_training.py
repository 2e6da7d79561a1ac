"""Training runs: what they cost, what ends them, what wrong input meets."""

from __future__ import annotations

import re

import numpy as np
import pytest

from solvers import (
    ConvergenceWarning,
    FirstSignChange,
    IncompatibleError,
    InputError,
    Limit,
    NoRemoval,
    SignVariance,
    SolveError,
    Status,
    Threshold,
    TrainedShrinkNet,
    train_repeats,
    train_shrinknet,
)
from solvers.regression.training.data import TrainingData
from solvers.regression.training.optimizers import as_stepper
from solvers.regression.training.run import Plan, Run
from solvers.regression.training.state import SIGNED, GatePenalty

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 8))
Y = X[:, :2] + 0.1 * RNG.standard_normal((60, 2))
LABELS = np.where(Y[:, 0] > 0, "yes", "no")
COMMON = {"lam": 0.05, "lr": 0.05, "n_epochs": 300, "random_state": 0}


def train(**options) -> TrainedShrinkNet:
    return train_shrinknet(X, Y, **{**COMMON, **options})


# --- the ledger ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("collect", [True, False])
def test_the_ledger_counts_exactly(collect):
    net = train(removal=SignVariance(0.9), collect=collect, gram=True)
    live, n_live = [], 8
    removed_after = {event.epoch: event for event in net.events}
    for epoch in range(1, 301):
        live.append(n_live)
        if epoch in removed_after:
            n_live -= len(removed_after[epoch].inputs)
            assert removed_after[epoch].n_left == n_live
    held = live if collect else [8] * 300
    assert n_live < 8
    assert net.ledger.live.tolist() == live
    assert net.ledger.held.tolist() == held
    assert net.ledger.cost == sum(live)
    assert net.ledger.multiply_adds == sum(2 * k * k for k in held)
    assert net.ledger.parameters.tolist() == [3 * k + 2 for k in live]
    # A weight and its sum of squares; two statistics and a flag for each switch.
    assert net.ledger.bytes.tolist() == [8 * 2 * (3 * k + 2) + 17 * k for k in held]
    assert net.n_live == n_live == len(net.support)


def test_on_rows_the_ledger_counts_both_products():
    net = train(removal=FirstSignChange(), gram=False)
    assert net.ledger.multiply_adds == sum(2 * 60 * 2 * int(k) for k in net.ledger.live)


@pytest.mark.parametrize(("optimizer", "numbers"), [("sgd", 1), ("adagrad", 2), ("adam", 3)])
def test_the_bytes_are_those_of_the_arrays(optimizer, numbers):
    run = start(optimizer=optimizer)
    assert run.state.nbytes == 8 * numbers * (8 * 3 + 2) + 17 * 8
    run.state.variables.alive[[1, 4, 5]] = False
    run.state.collect()
    assert run.state.nbytes == 8 * numbers * (5 * 3 + 2) + 17 * 5


def start(optimizer: str = "adagrad", loss: str = "squared") -> Run:
    data = TrainingData.build(X, Y if loss == "squared" else LABELS, loss, True, None)
    plan = Plan(GatePenalty(SIGNED, 0.05, 0.0, 2.0), as_stepper(optimizer, 0.05), NoRemoval(), 10, None, False, True, False)
    return Run(data, None, plan, np.random.default_rng(0))


# --- collection ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_collection_leaves_the_output_unchanged_to_rounding(optimizer):
    run = start(optimizer)
    run.epochs.run(run.state, 1)
    variables = run.state.variables
    variables.alive[[0, 3, 6]] = False
    variables.beta[[0, 3, 6]] = 0.0
    before = X @ run.state.effective(SIGNED).T + variables.b
    memory = [a.copy() for a in (*variables.of_A, *variables.of_beta)]
    kept = run.state.collect()
    assert kept.tolist() == run.state.live.tolist() == [1, 2, 4, 5, 7]
    after = X[:, run.state.live] @ run.state.effective(SIGNED).T + run.state.variables.b
    np.testing.assert_allclose(after, before, atol=1e-14)
    for whole, part in zip(memory, (*run.state.variables.of_A, *run.state.variables.of_beta), strict=True):
        np.testing.assert_array_equal(part, whole[..., kept] if whole.size else whole)
        assert part.flags.c_contiguous


def test_randomized_removal_does_not_depend_on_collection():
    removal = SignVariance(0.99, initial_mean=1, randomized=True)
    nets = [train(removal=removal, collect=collect, gram=True) for collect in (True, False)]
    assert nets[0].ledger.live.tolist() == nets[1].ledger.live.tolist()
    np.testing.assert_allclose(nets[0].coef, nets[1].coef, atol=1e-9)
    assert 0 < nets[0].n_live < 8


# --- the ends of a run --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "targets"), [("squared", Y), ("multinomial", LABELS), ("logistic", (Y > 0) * 1)])
def test_once_everything_is_removed_the_model_is_its_best_intercept(loss, targets):
    removal = SignVariance(0.0, initial_mean=0)
    net = train_shrinknet(X, targets, loss=loss, removal=removal, **COMMON)
    assert net.n_live == 0
    assert net.n_epochs == 1
    assert not net.coef.any()
    assert net.loss == net.null_loss == net.objective
    assert net.status is Status.FEASIBLE
    assert "intercept alone" in repr(net)
    if loss == "squared":
        np.testing.assert_allclose(net.intercept, Y.mean(axis=0))
    else:
        np.testing.assert_allclose(net.predict_proba(X[:1]).sum() if loss == "multinomial" else 1.0, 1.0)


@pytest.mark.parametrize("options", [{"gram": True}, {"gram": False}, {"batch_size": 7}])
def test_divergence_is_noticed_and_the_best_state_kept(options):
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch .*Write lr="):
        net = train(optimizer="sgd", lr=50.0, **options)
    assert net.status is Status.FAILED
    assert np.isfinite(net.loss)
    assert net.objective <= train(n_epochs=1, lr=1e-12).objective * (1 + 1e-9)
    assert net.n_epochs < 300


def test_a_callback_stops_the_run_and_nothing_is_lost():
    seen = []
    net = train(callback=lambda progress: seen.append(progress) or len(seen) == 2, removal=NoRemoval())
    assert net.limit is Limit.CALLBACK
    assert net.n_epochs == seen[-1].n_iter == 200
    assert seen[0].n_active == 8
    again = train(n_epochs=200, removal=NoRemoval())
    np.testing.assert_array_equal(again.coef, net.coef)
    assert again.limit is Limit.NONE


def test_a_failing_callback_hands_over_the_run():
    def fail(_):
        raise ZeroDivisionError("on purpose")

    with pytest.raises(SolveError, match="on purpose") as caught:
        train(callback=fail, removal=NoRemoval())
    assert caught.value.result.n_epochs == 100


def test_a_time_limit_ends_the_run():
    net = train(n_epochs=10_000_000, removal=NoRemoval(), time_limit=0.05)
    assert net.limit is Limit.TIME
    assert 0 < net.n_epochs < 10_000_000


def test_verbose_prints_a_line_per_stretch():
    lines: list[str] = []
    train(verbose=lines.append, removal=NoRemoval())
    assert len(lines) == 3


# --- repeats, determinism, results --------------------------------------------------------------------------------------------


def test_repeats_do_not_depend_on_the_number_of_jobs():
    options = {**COMMON, "n_repeats": 4, "removal": SignVariance(0.9)}
    serial, parallel = (train_repeats(X, Y, n_jobs=n_jobs, **options) for n_jobs in (1, 3))
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_array_equal(one.coef, other.coef)
    assert len({net.loss for net in serial}) == 4


def test_the_same_seed_gives_the_same_run_and_generators_move_on():
    np.testing.assert_array_equal(train(batch_size=16).coef, train(batch_size=16).coef)
    rng = np.random.default_rng(0)
    first, second = train(random_state=rng), train(random_state=rng)
    np.testing.assert_array_equal(first.coef, train().coef)
    assert not np.array_equal(first.coef, second.coef)
    old = [train(random_state=np.random.RandomState(3)).coef for _ in range(2)]
    np.testing.assert_array_equal(*old)


def test_results_survive_saving(tmp_path):
    net = train_shrinknet(X, LABELS, loss="multinomial", **COMMON)
    net.save(tmp_path / "net")
    again = TrainedShrinkNet.load(tmp_path / "net")
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert again.removal == net.removal
    assert again.ledger.cost == net.ledger.cost
    assert [event.epoch for event in again.events] == [event.epoch for event in net.events]
    assert repr(again) == repr(net)
    assert "cost" in repr(net.ledger)


def test_nothing_of_the_callers_is_written_to():
    data = [X.copy(), Y.copy(), np.linspace(0, 2, 60)]
    for array in data:
        array.flags.writeable = False
    before = [array.copy() for array in data]
    for options in ({"gram": True}, {"gram": False}, {"batch_size": 13}):
        train_shrinknet(data[0], data[1], sample_weight=data[2], **COMMON, **options)
    for array, copy in zip(data, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("options", [{}, {"statistics": "epoch"}, {"fit_intercept": False}])
def test_randomized_removal_in_mini_batches_does_not_depend_on_collection(options):
    removal = SignVariance(0.99, initial_mean=1, randomized=True)
    nets = [train(removal=removal, batch_size=16, collect=collect, **options) for collect in (True, False)]
    np.testing.assert_allclose(nets[0].coef, nets[1].coef, atol=1e-9)
    assert 0 < nets[0].n_live < 8
    assert options.get("fit_intercept", True) or not nets[0].intercept.any()


def test_a_mini_batch_without_weight_is_no_step_towards_anything():
    weights = np.zeros(60)
    weights[:5] = 1.0
    net = train(sample_weight=weights, batch_size=4)
    assert np.isfinite(net.loss)


def test_predictions_have_the_form_of_the_targets():
    net = train_shrinknet(X, Y[:, 0], **COMMON)
    assert net.predict(X).shape == (60,)
    assert set(train_shrinknet(X, LABELS, loss="multinomial", **COMMON).predict(X)) <= {"yes", "no"}


# --- wrong input --------------------------------------------------------------------------------------------------------------

WRONG = [
    (lambda: SignVariance(gamma=1.0), InputError, "gamma must be less than 1, got 1: write NoRemoval()"),
    (lambda: SignVariance(gamma=-0.1), InputError, "gamma must be finite and at least 0"),
    (lambda: SignVariance(gamma=np.nan), InputError, "gamma must be finite"),
    (lambda: SignVariance(gamma="0.9"), IncompatibleError, "gamma must be a real number"),
    (lambda: SignVariance(threshold=0.0), InputError, "threshold must be finite and greater than 0"),
    (lambda: SignVariance(threshold=4.0), InputError, "threshold must be less than 4"),
    (lambda: SignVariance(initial_mean="half"), InputError, "initial_mean must be 'sign', 0 or 1, got 'half'"),
    (lambda: SignVariance(randomized=1), IncompatibleError, "randomized must be True or False, got 1"),
    (lambda: Threshold(0.0), InputError, "value must be finite and greater than 0"),
    (lambda: train(lam=-1.0), InputError, "lam must be finite and at least 0"),
    (lambda: train(lam2=-1.0), InputError, "lam2 must be finite and at least 0"),
    (lambda: train(p=0), InputError, "p must be finite and greater than 0"),
    (lambda: train(lr=0.0), InputError, "lr must be finite and greater than 0"),
    (lambda: train(lr=np.inf), InputError, "lr must be finite"),
    (lambda: train(n_epochs=0), InputError, "n_epochs must be at least 1"),
    (lambda: train(n_epochs=1.5), IncompatibleError, "n_epochs must be an integer"),
    (lambda: train(batch_size=0), InputError, "batch_size must be at least 1"),
    (lambda: train(optimizer="rmsprop"), InputError, "optimizer must be one of 'sgd', 'adagrad', 'adam', got 'rmsprop'"),
    (lambda: train(gate="sigmoid"), InputError, "gate must be one of 'signed', 'relu', 'none', got 'sigmoid'"),
    (lambda: train(statistics="batch"), InputError, "statistics must be one of 'step', 'epoch', got 'batch'"),
    (lambda: train(loss="hinge"), InputError, "loss must be one of 'squared', 'multinomial', 'logistic', got 'hinge'"),
    (lambda: train(removal=0.99), IncompatibleError, "removal must be a strategy, got 0.99: write SignVariance()"),
    (lambda: train(removal=SignVariance), IncompatibleError, "removal must be a strategy"),
    (lambda: train(collect=1), IncompatibleError, "collect must be True or False, got 1"),
    (lambda: train(gram="yes"), IncompatibleError, "gram must be True or False, got 'yes'"),
    (lambda: train(gram=True, batch_size=5), IncompatibleError, "gram=True is for loss='squared' with a full batch"),
    (lambda: train(fit_intercept=2), IncompatibleError, "fit_intercept must be True or False, got 2"),
    (lambda: train(random_state="0"), InputError, "random_state must be None, a non-negative integer or a NumPy generator"),
    (lambda: train(random_state=-1), InputError, "random_state must be None, a non-negative integer"),
    (lambda: train(callback=3), IncompatibleError, "callback must be callable"),
    (lambda: train(time_limit=-1), InputError, "time_limit must be finite and at least 0"),
    (lambda: train_shrinknet(X, None, **COMMON), InputError, "Y must be given, got None"),
    (lambda: train_shrinknet(X, Y[:5], **COMMON), InputError, "Y must have one row per row of X"),
    (lambda: train_shrinknet(X[0], Y, **COMMON), InputError, "X must have two dimensions"),
    (lambda: train_shrinknet(np.full_like(X, np.nan), Y, **COMMON), InputError, "X must be finite"),
    (lambda: train(sample_weight=np.zeros(60)), InputError, "sample_weight must have at least one positive entry"),
    (lambda: train(sample_weight=np.ones(3)), InputError, re.escape("sample_weight must have shape (60,)")),
    (lambda: train_shrinknet(X, ["a"] * 60, loss="multinomial", **COMMON), InputError, "Y must have at least two classes"),
    (lambda: train_shrinknet(X, Y, loss="logistic", **COMMON), InputError, "Y must be 0 or 1 for loss='logistic'"),
    (lambda: train_repeats(X, Y, n_repeats=0, **COMMON), InputError, "n_repeats must be at least 1"),
    (lambda: train_repeats(X, Y, n_repeats=2, n_jobs=0, **COMMON), InputError, "n_jobs must be at least 1"),
    (lambda: train_repeats(X, Y, n_repeats=2, verbose=True, **COMMON), IncompatibleError, "verbose is for a single run"),
    (lambda: train().predict(X[:, :3]), InputError, "X must have 8 columns"),
    (lambda: train().predict_proba(X), IncompatibleError, "predict_proba is for"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message[:40] for *_, message in WRONG])
def test_wrong_input_meets_an_error_that_says_what_to_write(call, error, message):
    with pytest.raises(error, match=message.replace("(", r"\(").replace(")", r"\)") if "\\" not in message else message):
        call()
