"""Removing neurons while training: what gamma does, when removal pays, and what depends on where the statistics start.

A lesson in five experiments on a small regression with 40 inputs, of which 5 matter; every number is computed when you run it.

    python examples/removal_while_training.py [--repeats N]

The ShrinkNets draft trains ``y = A diag(beta) x``: each input j has a switch beta_j. A penalty lam |beta_j| pushes the switch of
an input that does not help through zero, back and forth. A rule that watches the signs of the switches decides when an input is
gone for good. The rule has one main knob, its inertia gamma.
"""

from __future__ import annotations

import argparse
from statistics import mean

import numpy as np

from solvers import NoRemoval, RegularizedShrinkNet, SignVariance, TrainedShrinkNet, solve, train_repeats, train_shrinknet

N_INPUTS, N_USEFUL, N_TARGETS = 40, 5, 3
LAM, LR, N_EPOCHS = 0.05, 0.05, 3000
GAMMAS = (0.0, 0.9, 0.99, 0.999, 0.9999)


def data() -> tuple[np.ndarray, np.ndarray]:
    """150 samples; the first five inputs matter, with some noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, N_INPUTS))
    Y = X[:, :N_USEFUL] @ rng.standard_normal((N_USEFUL, N_TARGETS)) + 0.3 * rng.standard_normal((150, N_TARGETS))
    return (X - X.mean(axis=0)) / X.std(axis=0), (Y - Y.mean(axis=0)) / Y.std(axis=0)


def say(text: str) -> None:
    """A paragraph."""
    print(text.strip() + "\n")


def trained(X: np.ndarray, Y: np.ndarray, repeats: int, **options: object) -> tuple[TrainedShrinkNet, ...]:
    """Several trainings from random starts; the same starts for every call."""
    settings = {"lam": LAM, "lr": LR, "n_epochs": N_EPOCHS, **options}
    return train_repeats(X, Y, n_repeats=repeats, random_state=1, **settings)


def row(name: str, nets: tuple[TrainedShrinkNet, ...]) -> None:
    """Means over the trainings."""
    loss, live = mean(net.loss / net.null_loss for net in nets), mean(net.n_live for net in nets)
    found = mean(len(set(net.support) & set(range(N_USEFUL))) for net in nets)
    cost, last = mean(net.ledger.cost for net in nets), mean(net.events[-1].epoch if net.events else 0 for net in nets)
    print(f"{name:28}{loss:10.4f}{live:9.1f}{found:10.1f}{cost:11.0f}{last:14.0f}")


def heading() -> None:
    """Of the rows."""
    print(f"{'removal':28}{'loss':>10}{'live':>9}{'useful':>10}{'cost':>11}{'last removal':>14}")


def what_the_rule_does() -> None:
    """Experiment 1."""
    say("1. What the rule does. A switch that changes its sign is removed once the change has lasted so many steps:")
    for gamma in GAMMAS:
        approximate = f"0.158 / (1 - gamma) = {0.158 / (1 - gamma):.1f}"
        print(f"   gamma {gamma:<8g}{SignVariance(gamma).steps_to_removal:>6} steps      {approximate}")
    say(
        "\nSo gamma is a patience: with gamma = 0 the first change of sign is the end, with gamma = 0.9999 a thousand steps pass."
    )


def when_removal_pays(X: np.ndarray, Y: np.ndarray, repeats: int) -> None:
    """Experiment 2."""
    say("2. When removal pays. Loss relative to the model without inputs; cost: live inputs, summed over the epochs.")
    heading()
    row("none", trained(X, Y, repeats, removal=NoRemoval()))
    for gamma in GAMMAS:
        row(f"gamma = {gamma:g}", trained(X, Y, repeats, removal=SignVariance(gamma)))
    say("\nPatience costs epochs with inputs that are on their way out. Compare the losses: what did it buy?")


def where_the_statistics_start(X: np.ndarray, Y: np.ndarray, repeats: int) -> None:
    """Experiment 3."""
    say(
        "3. Where the statistics start. The rule compares each sign with its running mean. The recorded experiments of the\n"
        "draft started every mean at 1. Then a switch that starts negative looks like one that has just changed its sign, and\n"
        "about half of all inputs are removed whether they are useful or not:"
    )
    heading()
    for gamma in GAMMAS:
        row(f"gamma = {gamma:g}, mean 1", trained(X, Y, repeats, removal=SignVariance(gamma, initial_mean=1)))
    say(
        f"\nLook at the column of useful inputs ({N_USEFUL} exist) and at the loss. Whatever useful input is lost early, others\n"
        "must replace as well as they can; lost late, there are fewer epochs left to do so."
    )


def late_removal(X: np.ndarray, Y: np.ndarray, repeats: int) -> None:
    """Experiment 4."""
    say("4. Late removal. The loss in the epoch before and after the largest removal that the start at mean 1 causes:")
    for gamma in (0.99, 0.999, 0.9999):
        nets = trained(X, Y, repeats, removal=SignVariance(gamma, initial_mean=1))
        jumps, epochs = [], []
        for net in nets:
            event = max(net.events, key=lambda event: len(event.inputs))
            before, after = net.losses[event.epoch - 1], net.losses[min(event.epoch, net.n_epochs - 1)]
            jumps.append((after - before) / net.null_loss)
            epochs.append(event.epoch)
        end = mean(net.loss / net.null_loss for net in nets)
        print(f"   gamma {gamma:<8g} epoch {mean(epochs):6.0f}   the loss rises by {mean(jumps):8.4f}   at the end {end:.4f}")
    say(
        "\nThe later the removal, the more the model has come to depend on what it loses, and the fewer epochs are left to adapt."
    )


def nothing_to_converge_to(X: np.ndarray, Y: np.ndarray) -> None:
    """Experiment 5."""
    say(
        "5. Nothing to converge to. With a penalty on beta alone there is no minimiser: (A / t, t beta) is the same model at t\n"
        "times the price. Training goes on and on:"
    )
    print(f"   {'epochs':>8}{'penalty on beta':>18}{'largest |A|':>14}{'loss':>10}")
    for n_epochs in (1_000, 10_000, 100_000):
        net = train_shrinknet(X, Y, lam=LAM, lr=LR, n_epochs=n_epochs, removal=SignVariance(0.9), random_state=0)
        price = LAM * np.abs(net.beta).sum()
        print(f"   {n_epochs:>8}{price:>18.5f}{np.abs(net.A).max():>14.3f}{net.loss / net.null_loss:>10.4f}")
    exact = solve(X, Y, RegularizedShrinkNet(LAM, LAM, 2))
    nets = [
        train_shrinknet(X, Y, lam=LAM, lam2=LAM, lr=LR, n_epochs=20_000, removal=SignVariance(0.9), random_state=seed)
        for seed in range(5)
    ]
    objectives = sorted(net.objective for net in nets)
    say(
        f"\nWith lam2 ||A||^2 beside it there is one, and the exact solver finds it without any learning rate: objective\n"
        f"{exact.objective:.6f} with {len(exact.support)} inputs. Five trainings of 20 000 epochs end between "
        f"{objectives[0]:.6f} and {objectives[-1]:.6f}."
    )


def main() -> None:
    """All five."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="trainings per line (default: %(default)s)")
    repeats = parser.parse_args().repeats
    X, Y = data()
    what_the_rule_does()
    when_removal_pays(X, Y, repeats)
    where_the_statistics_start(X, Y, repeats)
    late_removal(X, Y, repeats)
    nothing_to_converge_to(X, Y)


if __name__ == "__main__":
    main()
