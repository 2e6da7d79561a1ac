"""Networks with switch layers: gradients, the event graph, what removal leaves, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

from solvers import (
    ConvergenceWarning,
    FirstSignChange,
    IncompatibleError,
    InputError,
    Limit,
    NoRemoval,
    ReluNetwork,
    SignVariance,
    SolveError,
    Status,
    TrainedNetwork,
    train_network,
)
from solvers.regression.training.data import losses_and_residuals
from solvers.regression.training.graph import chain
from solvers.regression.training.network import backward, folded, forward
from solvers.regression.training.optimizers import as_stepper

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (200, 4))
LABELS = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
COMMON = {"hidden": (16, 12), "lam": 3e-3, "lr": 0.01, "n_epochs": 60, "random_state": 0, "removal": SignVariance(0.9)}


def train(**options) -> TrainedNetwork:
    return train_network(X, LABELS, **{**COMMON, **options})


def graph(optimizer: str = "adam", widths=(4, 6, 5, 3)):
    return chain(widths, as_stepper(optimizer, 0.1), NoRemoval(), np.random.default_rng(1))


@pytest.mark.parametrize("loss", ["squared", "multinomial", "logistic"])
def test_backpropagation_is_the_gradient(loss):
    net, rng = graph(), np.random.default_rng(2)
    Y = rng.standard_normal((200, 3)) if loss == "squared" else np.eye(3)[rng.integers(0, 3, 200)]

    def value() -> float:
        return float(np.sum(losses_and_residuals(loss, forward(net, X)[-1], Y)[0]))

    layers = forward(net, X)
    gradients = backward(net, layers, -losses_and_residuals(loss, layers[-1], Y)[1])
    variables = list(net.variables)
    assert len(gradients) == len(variables) == 8
    for variable, gradient in zip(variables, gradients, strict=True):
        direction = rng.standard_normal(variable.value.shape)
        values = []
        for step in (1e-6, -1e-6):
            variable.value = variable.value + step * direction
            values.append(value())
            variable.value = variable.value - step * direction
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(np.sum(gradient * direction), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_collection_reaches_producer_consumer_and_optimiser_and_keeps_the_output(optimizer):
    net = graph(optimizer)
    for variable in net.variables:
        for array in variable.memory:
            array[...] = np.random.default_rng(3).random(array.shape)
    for switch, dead in zip(net.switches, ([1, 4], [0]), strict=True):
        switch.alive[dead] = False
        switch.beta.value[dead] = 0.0
    before = forward(net, X)[-1]
    memories = [[a.copy() for a in variable.memory] for variable in net.variables]
    kept = [switch.collect() for switch in net.switches]
    assert [k.tolist() for k in kept] == [[0, 2, 3, 5], [1, 2, 3, 4]]
    assert net.widths == (4, 4, 4, 3)
    np.testing.assert_allclose(forward(net, X)[-1], before, atol=1e-14)
    slices = [(kept[0],), (kept[0],), np.ix_(kept[1], kept[0]), (kept[1],), np.ix_(range(3), kept[1]), (range(3),)]
    slices += [(kept[0],), (kept[1],)]
    for variable, old, where in zip(net.variables, memories, slices, strict=True):
        for new, whole in zip(variable.memory, old, strict=True):
            np.testing.assert_array_equal(new, whole[where] if whole.size else whole)


def test_events_pass_through_switch_layers_in_both_directions():
    net = graph()
    kept = np.array([0, 2, 5])
    net.switches[0].keep_inputs(kept)
    assert net.switches[0].beta.value.shape == (3,)
    assert net.linears[1].weights.value.shape == (5, 3)
    net.switches[1].keep_outputs(np.array([1]))
    assert net.linears[1].weights.value.shape == (1, 3)
    assert net.linears[1].biases.value.shape == (1,)


def test_the_deployed_network_is_the_trained_one():
    net = graph()
    np.testing.assert_allclose(folded(net).forward(X), forward(net, X)[-1], atol=1e-14)


def test_removal_shrinks_the_network_and_hardly_its_accuracy():
    small, large = train(), train(removal=NoRemoval())
    assert small.n_parameters < 0.7 * large.n_parameters
    assert large.network.widths == (4, 16, 12, 2)
    assert np.mean(small.predict(X) == LABELS) >= np.mean(large.predict(X) == LABELS) - 0.02
    assert small.loss == pytest.approx(losses_of(small))


def losses_of(net: TrainedNetwork) -> float:
    P = net.predict_proba(X)
    return float(-np.mean(np.log(P[np.arange(len(X)), np.searchsorted(net.classes, LABELS)])))


def test_widths_events_and_costs_are_consistent():
    net = train()
    widths = np.array([16, 12])
    expected, total = [], 0
    for epoch in range(1, 61):
        expected.append(widths.tolist())
        a, b = (int(w) for w in widths)
        total += 200 * (3 * (4 * a + a * b + b * 2) - 4 * a)
        for event, layer in zip(net.events, net.layers, strict=True):
            if event.epoch == epoch:
                widths[layer] -= len(event.inputs)
                assert event.n_left == widths[layer]
    assert net.widths.tolist() == expected
    assert net.multiply_adds == total
    assert net.network.widths == (4, *widths, 2)
    for layer in (0, 1):
        gone = np.concatenate([e.inputs for e, at in zip(net.events, net.layers, strict=True) if at == layer])
        assert len(set(gone)) == len(gone)


def test_a_network_without_neurons_is_a_constant():
    net = train(removal=SignVariance(0.0, initial_mean=0), n_epochs=5, batch_size=None)
    assert net.network.widths == (4, 1, 1, 2)
    assert np.ptp(net.network.forward(X), axis=0).tolist() == [0.0, 0.0]
    assert net.status is Status.FEASIBLE


def test_divergence_is_noticed_and_the_best_network_kept():
    with pytest.warns(ConvergenceWarning, match="diverged in epoch"):
        net = train_network(X, 100 * X[:, :1] ** 2, loss="squared", optimizer="sgd", **{**COMMON, "lr": 100.0})
    assert net.status is Status.FAILED
    assert np.isfinite(net.loss)


def test_runs_are_repeatable_and_can_be_stopped():
    np.testing.assert_array_equal(train().network.forward(X), train().network.forward(X))
    stopped = train(callback=lambda progress: progress.n_iter == 7)
    assert stopped.limit is Limit.CALLBACK
    assert len(stopped.losses) == 7
    with pytest.raises(SolveError, match="ZeroDivisionError") as caught:
        train(callback=lambda progress: 1 / 0)
    assert isinstance(caught.value.result.network, ReluNetwork)


@pytest.mark.parametrize("targets", [X[:, 0], X[:, :2]])
def test_regression(targets):
    net = train_network(X, targets, loss="squared", **COMMON)
    assert net.predict(X).shape == targets.shape
    assert np.mean((net.predict(X) - targets) ** 2) < 0.1 * np.var(targets)
    with pytest.raises(IncompatibleError, match="predict_proba is for"):
        net.predict_proba(X)


def test_yes_no_targets_randomized_and_without_batches():
    Y = (X[:, :2] > 0).astype(int)
    removal = SignVariance(0.99, initial_mean=1, randomized=True)
    net = train_network(X, Y, loss="logistic", **{**COMMON, "removal": removal, "batch_size": None, "n_epochs": 200})
    assert net.predict(X).shape == Y.shape
    assert len(net.events) > 0


def test_results_survive_saving(tmp_path):
    net = train(removal=FirstSignChange())
    net.save(tmp_path / "net.npz")
    again = TrainedNetwork.load(tmp_path / "net.npz")
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert repr(again) == repr(net)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hidden": ()}, InputError, "hidden must name the neurons of at least one hidden layer"),
        ({"hidden": 64}, InputError, "write hidden="),
        ({"hidden": (64, 0)}, InputError, r"hidden\[1\] must be at least 1"),
        ({"hidden": (6.5,)}, IncompatibleError, r"hidden\[0\] must be an integer"),
        ({"lam": -1}, InputError, "lam must be finite and at least 0"),
        ({"lam2": np.nan}, InputError, "lam2 must be finite"),
        ({"lr": 0}, InputError, "lr must be finite and greater than 0"),
        ({"n_epochs": 0}, InputError, "n_epochs must be at least 1"),
        ({"batch_size": 0}, InputError, "batch_size must be at least 1"),
        ({"optimizer": "adamw"}, InputError, "optimizer must be one of"),
        ({"removal": None}, IncompatibleError, "removal must be a strategy, got None"),
        ({"loss": "hinge"}, InputError, "loss must be one of"),
    ],
)
def test_wrong_input_meets_an_error_that_says_what_to_write(options, error, message):
    with pytest.raises(error, match=message):
        train(**options)
