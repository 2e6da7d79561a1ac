"""Proposition A.4 in the draft's own setting, a single sample: a global minimiser uses at most one input per layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, strength, with_zeros
from proofs_checks.factorisation import reduced_penalty
from proofs_checks.rationals import Numbers, Space, positive_rational
from proofs_checks.smt import absolute, all_of, impossible, reals
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, Wording, above_zero, at_least_zero


@dataclass(frozen=True)
class Instance:
    """One layer's inputs ``H (p, N)`` (what the layers below give), its products ``W (n, p)``, and the penalty's constants."""

    H: Array
    W: Array
    lam: float
    lam2: float
    p: float


def omega(i: Instance, W: Array) -> float:
    """``sum_j mu ||w_j||_p^q``."""
    return sum(reduced_penalty(w, i.lam, i.lam2, i.p) for w in W.T)


def merged(i: Instance) -> Array | None:
    """A W with at most one non-zero column and the same ``W H``, if there is one.

    For a single sample: all weight on the input that is largest in absolute value.
    """
    wanted = i.W @ i.H
    squares = (i.H * i.H).sum(axis=1)
    for j in np.argsort(-squares):
        column = wanted @ i.H[j] / squares[j] if squares[j] else 0.0 * i.W[:, j]
        if np.max(abs(np.outer(column, i.H[j]) - wanted)) <= 1e-12 * (1.0 + np.max(abs(i.W) @ abs(i.H))):
            W = 0.0 * i.W
            W[:, j] = column
            return W
    return None


def conclude(i: Instance) -> Verdict:
    """Merging the columns keeps what the layer computes and lowers the penalty: by how much, relative to it."""
    W = merged(i)
    before = omega(i, i.W)
    if W is None or not before:
        return above_zero(-1.0 if W is None else 0.0)
    # What a column of the size of rounding costs is no difference.
    return above_zero((before - omega(i, W)) / before - 1e-12, merged=W)


def draw(rng: np.random.Generator) -> Instance:
    """Two to four inputs, one sample in nine of ten; zero inputs and columns, and inputs of equal size, now and then."""
    n, p = int(rng.integers(1, 4)), int(rng.integers(2, 5))
    N = 1 if rng.random() < 0.9 else int(rng.integers(2, 4))
    H, W = with_zeros(rng, p, N), with_zeros(rng, n, p)
    if rng.random() < 0.2:
        H = np.sign(H)
    if rng.random() < 0.9:
        W[:, :2] += np.where(np.all(W[:, :2] == 0, axis=0), 1.0, 0.0)
    return Instance(H, W, strength(rng), strength(rng), float(rng.choice([0.5, 1.0, 2.0, 3.0])))


ONE_SAMPLE = Hypothesis("there is one sample", lambda i: i.H.shape[1] == 1)
TWO_LIVE = Hypothesis("at least two columns are not zero", lambda i: int(np.count_nonzero(i.W.any(axis=0))) >= 2)


@dataclass(frozen=True)
class TwoInputs:
    """Two orthogonal inputs, ``X = diag(x)`` with one sample each, outputs ``y (2,)``; p = 2 in the penalty."""

    x: Array
    y: Array
    lam: Any
    lam2: Any


def at_most_one_live(i: TwoInputs) -> Verdict:
    """How many inputs a global minimiser uses: those beyond their threshold, ``y^4 x^2 > 4 lam^2 lam2``."""
    live = int(sum(i.y**4 * i.x**2 > 4 * i.lam**2 * i.lam2))
    return at_least_zero(1 - live, live=live)


@dataclass(frozen=True)
class OneColumn:
    """A column's weight ``w`` on an input ``h``."""

    w: Any
    h: Any


def merging_pays(i: OneColumn) -> Verdict:
    """A layer with one input: merging leaves it as it is, or removes an input that is zero."""
    return above_zero(abs(i.w) if not i.h else 0 * i.w)


def prove_two_inputs() -> bool | None:
    """Two inputs, one output: no two non-zero weights cost as little as the single one that replaces them (z3).

    With ``w_j = +-r_j^(p+1)`` the price is ``r_1^p + r_2^p``; that of ``(w_1 h_1 + w_2 h_2) / h_1``, ``|h_2| <= h_1``, is
    compared with it to the power ``(p + 1) / p`` or its double, so that no root remains. Signs are those of ``h_2``.
    """
    r, s, h, k = reals("r s h k")
    allowed = (r > 0, s > 0, h > 0, absolute(k) <= h)
    return all_of(
        impossible(*allowed, (r + s) ** 2 * h <= absolute(r**2 * h + s**2 * k)),
        impossible(*allowed, (r**2 + s**2) ** 3 * h**2 <= (r**3 * h + s**3 * k) ** 2),
    )


STATEMENT = Statement(
    id="A4-one-sample",
    title="on one sample at most one input per layer is used",
    claim="With a single sample, as the draft states its problem, and any depth, loss and activation: a point with two "
    "non-zero columns in some layer is no global minimiser. Putting all weight on the input h_j that is largest in absolute "
    "value keeps W h and costs strictly less.",
    hypotheses=(ONE_SAMPLE, TWO_LIVE),
    proof=(
        "The layer computes W h = s, h what the layers below give. Let |h_j| be the largest. If s = 0, W = 0 does as well "
        "and costs nothing. Otherwise let all columns be zero but w_j = s / h_j.",
        "Let r_k = |h_k|^m ||w_k||_p^m with m = min(p, 1). By the triangle inequality (of ||.||_p, or of ||.||_p^p for p < "
        "1) the r_k sum up to at least ||s||_p^m, and the penalty is at least mu |h_j|^-q sum_k r_k^(q/m).",
        "q/m = p/(p+1) or 1/(p+1) is below 1, so sum_k r_k^(q/m) > (sum_k r_k)^(q/m) if two r_k are not zero: the penalty is "
        "more than mu ||s / h_j||_p^q. If fewer are, a non-zero column stands on a zero input, and costs for nothing.",
    ),
    source="Not in the ShrinkNets draft: its Proposition A.4 is for one sample, and would have 2^k minima there.",
    meaning="The draft's setting has at most 2^depth sign variants of a minimiser. Its sparsity on one sample says nothing "
    "about data.",
    draw=draw,
    conclude=conclude,
    proofs=(Proof(Method.SMT, "merging two columns pays", "two inputs, one output, p = 1 and 2", prove_two_inputs),),
    wordings=(
        Wording(
            id="A4-one-sample-any",
            says="On any data a global minimiser uses at most one input.",
            space=Space(
                TwoInputs,
                (
                    Numbers("x", ("p",)),
                    Numbers("y", ("p",)),
                    Numbers("lam", (), positive_rational),
                    Numbers("lam2", (), positive_rational),
                ),
                ({"p": 2},),
            ),
            check=at_most_one_live,
            because="With two samples two inputs can be needed: no single column does what both do.",
            drops=ONE_SAMPLE.name,
        ),
        Wording(
            id="A4-one-sample-single",
            says="Merging always costs strictly less.",
            space=Space(OneColumn, (Numbers("w"), Numbers("h"))),
            check=merging_pays,
            because="With fewer than two non-zero columns there is nothing to merge.",
            drops=TWO_LIVE.name,
        ),
    ),
)
