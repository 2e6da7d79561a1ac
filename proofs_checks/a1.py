"""Proposition A.1: with columns of unit length, ShrinkNet is group sparsity."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.arithmetic import Array, is_exact, lengths, squared_error, with_zeros
from proofs_checks.rationals import Numbers, Space, any_rational
from proofs_checks.smt import absolute, all_of, either, impossible, real_vector
from proofs_checks.statement import Hypothesis, Method, Proof, Statement, Verdict, Wording, above_zero, at_least_zero


@dataclass(frozen=True)
class Instance:
    """A regression problem, a point ``A`` of group sparsity's problem, and a point ``(unit, beta)`` of ShrinkNet's."""

    X: Array
    Y: Array
    lam: Any
    A: Array
    unit: Array
    beta: Array


def group_objective(i: Instance, A: Array) -> Any:
    """``||Y - A X||^2 + lam sum_j ||a_j||``."""
    return squared_error(i.Y, A, i.X) + i.lam * lengths(A).sum()


def shrinknet_objective(i: Instance, unit: Array, beta: Array) -> Any:
    """``||Y - A' diag(beta) X||^2 + lam ||beta||_1``."""
    return squared_error(i.Y, unit * beta, i.X) + i.lam * abs(beta).sum()


def column_strengths(A: Array) -> Array:
    """``beta_j = ||a_j||``: the length itself, where the draft's proof has its square."""
    return lengths(A)


def split(A: Array) -> tuple[Array, Array]:
    """``A = A' diag(beta)`` with unit columns: a zero column gets ``beta_j = 0`` and any unit vector, here the first."""
    beta = column_strengths(A)
    zero = beta == 0
    unit = A / np.where(zero, 1, beta)
    unit[0, zero] = 1
    return unit, beta


def conclude(i: Instance) -> Verdict:
    """Both maps keep the value, and the first one leads to unit columns."""
    unit, beta = split(i.A)
    there = abs(group_objective(i, i.A) - shrinknet_objective(i, unit, beta)) / _size(i, i.A, beta)
    off_unit = max(abs(lengths(unit) - 1))
    product = i.unit * i.beta
    back = abs(shrinknet_objective(i, i.unit, i.beta) - group_objective(i, product)) / _size(i, product, i.beta)
    return at_least_zero(-max(there, off_unit, back), there=there, off_unit=off_unit, back=back)


def _size(i: Instance, W: Array, beta: Array) -> Any:
    """A bound on the terms of an objective, to which rounding errors are in proportion."""
    return 1 + (i.Y * i.Y).sum() + (W * W).sum() * (i.X * i.X).sum() + abs(i.lam) * abs(beta).sum()


def draw(rng: np.random.Generator) -> Instance:
    """Up to four outputs, inputs and samples; zero columns; one in ten ``lam`` negative, one A' in twenty not unit."""
    n, p, N = rng.integers(1, 5, 3)
    A, unit = with_zeros(rng, n, p), rng.standard_normal((n, p))
    unit /= np.sqrt((unit * unit).sum(axis=0))
    if rng.random() < 0.05:
        unit *= rng.uniform(0.5, 2.0)
    lam = rng.choice([0.0, 1.0]) if rng.random() < 0.2 else 10.0 ** rng.uniform(-2, 2)
    lam = -lam if rng.random() < 0.1 else lam
    return Instance(with_zeros(rng, p, N), with_zeros(rng, n, N), float(lam), A, unit, with_zeros(rng, p))


def has_unit_columns(i: Instance) -> bool:
    """Whether the columns of A' have length 1: exactly, or to rounding."""
    squares = (i.unit * i.unit).sum(axis=0)
    return bool(np.all(squares == 1) if is_exact(i.unit) else np.all(abs(squares - 1) < 1e-12))


NOT_NEGATIVE = Hypothesis("lam >= 0", lambda i: i.lam >= 0)
UNIT_COLUMNS = Hypothesis("A' has columns of length 1", has_unit_columns)

# ------------------------------------------------------------------------------------------------------------ wrong claims


@dataclass(frozen=True)
class Columns:
    """A matrix alone."""

    A: Array


def squared_norm_gives_unit_columns(i: Columns) -> Verdict:
    """The draft's map, where it is defined: the columns of ``A diag(beta)^-1`` with ``beta_j = ||a_j||^2``, squared lengths."""
    beta = (i.A * i.A).sum(axis=0)
    if not np.all(beta):
        return at_least_zero(Fraction(0))
    quotient = i.A / beta
    squares = (quotient * quotient).sum(axis=0)
    return at_least_zero(-max(abs(squares - 1)), squared_lengths=squares)


def strengths_can_be_inverted(i: Columns) -> Verdict:
    """Whether ``diag(beta)`` of the draft's map has an inverse: whether the smallest ``beta_j`` is positive."""
    return above_zero(min((i.A * i.A).sum(axis=0)))


@dataclass(frozen=True)
class Data:
    """A regression problem."""

    X: Array
    Y: Array
    lam: Any


def minimum_exists(i: Data) -> Verdict:
    """Group sparsity with one output and one input: ``||Y - a X||^2 + lam |a|`` grows in both directions, or is constant."""
    growth = (i.X * i.X).sum()
    slope = i.lam if growth == 0 else growth
    return at_least_zero(slope, slope_at_infinity=slope)


WORDINGS = (
    Wording(
        id="A1-squared",
        says="For every A without zero columns, beta_j = ||a_j||^2 and A' = A diag(beta)^-1 give unit columns.",
        space=Space(Columns, (Numbers("A", ("n", "p")),), ({"n": 1, "p": 1}, {"n": 2, "p": 1}, {"n": 1, "p": 2})),
        check=squared_norm_gives_unit_columns,
        because="The columns of A' have length 1/||a_j||, and the penalty becomes lam sum_j ||a_j||^2. The length itself is "
        "meant.",
    ),
    Wording(
        id="A1-zero-column",
        says="For every A, diag(beta) with beta_j = ||a_j||^2 can be inverted.",
        space=Space(Columns, (Numbers("A", ("n", "p")),), ({"n": 1, "p": 1},)),
        check=strengths_can_be_inverted,
        because="A removed input is a zero column: the case the method is made for. Then beta_j = 0, and any unit vector "
        "will do.",
    ),
    Wording(
        id="A1-any-lam",
        says="The two minima exist for every real lam.",
        space=Space(Data, (Numbers("X", ("p", "N")), Numbers("Y", ("n", "N")), Numbers("lam")), ({"n": 1, "p": 1, "N": 1},)),
        check=minimum_exists,
        because="With lam < 0 the penalty rewards long columns: where X does not see a column, the value falls without bound.",
        drops=NOT_NEGATIVE.name,
    ),
)

# ------------------------------------------------------------------------------------------------------------------ proofs


def prove_maps() -> bool | None:
    """Both maps keep the value, for all real numbers, with one or two outputs and inputs (z3)."""
    return all_of(*(_maps_keep_the_value(n, p) for n, p in itertools.product((1, 2), repeat=2)))


def _maps_keep_the_value(n: int, p: int) -> bool | None:
    """No A, A', beta exist for which a map fails. Lengths enter by what defines them: ``r >= 0, r^2 = sum a^2``.

    Fit and penalty depend on the product and on the lengths alone, so x, y and lam need not appear.
    """
    r, beta = real_vector("r", p), real_vector("beta", p)
    A = [real_vector(f"a{row}", p) for row in range(n)]
    unit = [real_vector(f"u{row}", p) for row in range(n)]

    def are_lengths(M: Any) -> list[Any]:
        return [condition for j in range(p) for condition in (r[j] >= 0, r[j] * r[j] == sum(M[row][j] ** 2 for row in range(n)))]

    squares = [sum(unit[row][j] ** 2 for row in range(n)) for j in range(p)]
    unit_columns = [square == 1 for square in squares]
    product = [[unit[row][j] * beta[j] for j in range(p)] for row in range(n)]
    split_of_A = [
        either(r[j] == 0, unit[row][j] == (1 if row == 0 else 0), unit[row][j] * r[j] == A[row][j])
        for row in range(n)
        for j in range(p)
    ]
    rebuilt = [[unit[row][j] * r[j] for j in range(p)] for row in range(n)]
    size = sum(absolute(r[j]) for j in range(p))
    return all_of(
        # From A: the columns come out with length 1, ...
        *(impossible(*are_lengths(A), *split_of_A, square != 1) for square in squares),
        # ... A' diag(beta) is A again, entry by entry, so that fit and penalty are the same.
        *(impossible(*are_lengths(A), *split_of_A, rebuilt[row][j] != A[row][j]) for row in range(n) for j in range(p)),
        impossible(*are_lengths(A), sum(r) != size),
        # From A' and beta: the columns of the product have length |beta_j|.
        *(impossible(*are_lengths(product), *unit_columns, r[j] != absolute(beta[j])) for j in range(p)),
    )


STATEMENT = Statement(
    id="A1",
    title="ShrinkNet with unit columns is group sparsity",
    draft="For every real lam, min_A ||y - A x||^2 + lam sum_j ||a_j|| equals min_{A', beta} ||y - A' diag(beta) x||^2 + lam "
    "||beta||_1 over unit columns; the proof sets beta_j = ||a_j||^2 and A' = A diag(beta)^-1.",
    claim="For lam >= 0 the two minima exist and are equal, and minimisers correspond by a_j = beta_j a'_j. From A one comes "
    "to unit columns by beta_j = ||a_j||, a'_j = a_j / ||a_j||, and any unit vector where a_j = 0.",
    hypotheses=(NOT_NEGATIVE, UNIT_COLUMNS),
    proof=(
        "From (A', beta) to A: put a_j = beta_j a'_j. The product, hence the fit, is the same, and ||a_j|| = |beta_j| ||a'_j|| = "
        "|beta_j|.",
        "From A to (A', beta): put beta_j = ||a_j|| and a'_j = a_j / ||a_j||, or any unit vector where a_j = 0. Again a_j = "
        "beta_j a'_j, so fit and penalty are the same.",
        "So each value of one problem is a value of the other: infima agree, and one is attained if and only if the other is.",
        "They are attained: for lam > 0 the group-sparsity objective is continuous and grows with every ||a_j||; for lam = 0 "
        "it is least squares.",
    ),
    source="ShrinkNets draft, Proposition A.1, with the square removed and zero columns treated.",
    meaning="solve(X, Y, ShrinkNet(lam, unit_columns=True)) is a convex problem in disguise, and its answer has a duality gap. A "
    "minimiser with k live inputs has 2^k sign variants: (A', beta) is not unique, its product is.",
    draw=draw,
    conclude=conclude,
    space=Space(
        Instance,
        (
            *(Numbers("X", ("p", "N")), Numbers("Y", ("n", "N")), Numbers("lam", (), any_rational)),
            *(Numbers("A", ("n", "p")), Numbers("unit", ("n", "p")), Numbers("beta", ("p",))),
        ),
        ({"n": 1, "p": 1, "N": 1}, {"n": 1, "p": 2, "N": 1}),
    ),
    wordings=WORDINGS,
    proofs=(Proof(Method.SMT, "both maps keep the value", "n, p <= 2, all real numbers", prove_maps),),
)
