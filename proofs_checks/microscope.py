"""The package's own solvers under the same microscope: what they return must satisfy the corrected propositions.

Only public names of `solvers` are used. In the solvers' scale the loss is ``1/(2N) ||Y - W X||^2``: their strengths are the
draft's divided by ``2 N``.
"""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs_checks.a4_count import Design, column_numbers, minima_by_threshold, threshold_excess
from proofs_checks.arithmetic import Array, least_squares_error, with_zeros
from proofs_checks.factorisation import norm_power
from proofs_checks.statement import Hypothesis, Statement, Verdict, at_least_zero
from proofs_checks.thresholding import half_prox, two_thirds_prox

TOL = 1e-9
"""Tolerance asked of the solvers, relative to the loss of the zero model."""


@dataclass(frozen=True)
class Problem:
    """Data with samples as rows, as the solvers take them: ``X (N, p)``, ``Y (N, n)``; strengths and exponent."""

    X: Array
    Y: Array
    lam: float
    lam2: float = 1.0
    p: float = 2.0

    @property
    def null_loss(self) -> float:
        """``1/(2N) ||Y||^2``, the unit of gaps; 1 if Y = 0."""
        return float((self.Y**2).sum()) / (2 * len(self.Y)) or 1.0

    def loss(self, W: Array) -> float:
        """``1/(2N) ||Y - X W'||^2`` for ``W (n, p)``."""
        return float(((self.Y - self.X @ W.T) ** 2).sum()) / (2 * len(self.Y))


def left(error: float, tolerance: float) -> float:
    """Which share of a tolerance an error leaves: 1 where it is exact, negative where it is exceeded."""
    return 1.0 - error / tolerance


def _solve(problem: Problem, penalty: Any) -> Any:
    from solvers import ConvergenceWarning, solve

    with warnings.catch_warnings():
        # That no minimiser exists is what is to be checked.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return solve(problem.X, problem.Y, penalty, fit_intercept=False, tol=TOL)


def draw_problem(rng: np.random.Generator) -> Problem:
    """Up to five inputs, three outputs and eight samples; strengths from far below to above where all inputs go."""
    n, p, N = int(rng.integers(1, 4)), int(rng.integers(1, 6)), int(rng.integers(2, 9))
    X, Y = with_zeros(rng, N, p), with_zeros(rng, N, n)
    top = float(np.max(np.sqrt(((X.T @ Y) ** 2).sum(axis=1)))) / N
    return Problem(X, Y, max(top, 1e-3) * 10.0 ** rng.uniform(-2.0, 0.3))


# --------------------------------------------------------------------------------------------------------------------- A.1


def conclude_unit_columns(i: Problem) -> Verdict:
    """Both penalties reach the same value, both certificates hold, and A has unit columns with ``A diag(beta)`` = coef."""
    from solvers import GroupSparsity, ShrinkNet

    group, unit = _solve(i, GroupSparsity(i.lam)), _solve(i, ShrinkNet(i.lam, unit_columns=True))
    values = [i.loss(fit.coef) + i.lam * float(np.sqrt((fit.coef**2).sum(axis=0)).sum()) for fit in (group, unit)]
    apart = abs(values[0] - values[1]) / i.null_loss
    off_unit = float(np.max(abs(np.sqrt((unit.A**2).sum(axis=0)) - 1)))
    off_product = float(np.max(abs(unit.A * unit.beta - unit.coef)))
    gap = max(group.certificate.gap, unit.certificate.gap)
    holds = group.certificate.holds and unit.certificate.holds
    margin = min(
        left(apart, 2 * TOL), left(gap, TOL), left(off_unit, 1e-12), left(off_product, 1e-12 * (1 + abs(unit.coef).max()))
    )
    return Verdict(bool(holds and margin >= 0), margin, witness={"values": values, "gap": gap})


UNIT_COLUMNS = Statement(
    id="solve-A1",
    title="solve: GroupSparsity = ShrinkNet(unit_columns=True)",
    claim="Both reach the same value within tol, with certificates that hold; A has unit columns and A diag(beta) is coef.",
    hypotheses=(),
    proof=("By A1 they are the same problem.",),
    source="Proposition A.1 as corrected.",
    meaning="Either penalty may be used; the second one returns A and beta as well. Margin: the share of the tolerance that "
    "is left.",
    draw=draw_problem,
    conclude=conclude_unit_columns,
    share=0.05,
)

# --------------------------------------------------------------------------------------------------------------------- A.3


def draw_free(rng: np.random.Generator) -> Problem:
    """As `draw_problem`; in half of them each sample stands twice, with outputs of opposite sign: uncorrelated."""
    i = draw_problem(rng)
    if rng.random() < 0.5:
        return i
    return Problem(np.vstack([i.X, i.X]), np.vstack([i.Y, -i.Y]), i.lam)


def conclude_free(i: Problem) -> Verdict:
    """``not_attained`` exactly if ``X'Y != 0``, with the right infimum and a sequence that comes near it; else beta = 0."""
    from solvers import ShrinkNet, Status

    fit = _solve(i, ShrinkNet(i.lam))
    correlated = bool(np.any(abs(i.X.T @ i.Y) > 1e-12 * (abs(i.X.T) @ abs(i.Y))))
    right = (fit.status is Status.NOT_ATTAINED) == correlated and fit.certificate.holds
    if not correlated:
        return Verdict(bool(right and not np.any(fit.beta)), 1.0 if right else -1.0, witness={"status": fit.status})
    infimum = float(least_squares_error(i.Y.T, i.X.T)) / (2 * len(i.Y))
    off = abs(fit.infimum - infimum) / i.null_loss
    A, beta = fit.minimising_sequence(1e-9)
    near = (i.loss(A * beta) + i.lam * float(abs(beta).sum()) - infimum - i.lam * len(beta) * 1e-9) / i.null_loss
    margin = min(left(off, 2 * TOL), left(near, 2 * TOL))
    return Verdict(bool(right and margin >= 0), margin if right else -1.0, witness={"status": fit.status, "infimum": infimum})


FREE_COLUMNS = Statement(
    id="solve-A3",
    title="solve: not_attained exactly where X'Y != 0",
    claim="solve(X, Y, ShrinkNet(lam)) says not_attained if and only if X'Y != 0, with the least-squares error as infimum "
    "and a sequence that comes within lam p t of it; otherwise it returns beta = 0, certified.",
    hypotheses=(),
    proof=("By A3, A3-zero and A3-infimum.",),
    source="Proposition A.3 as corrected.",
    meaning="The status is a theorem, not a symptom of slow convergence. Margin: the share of the tolerance that is left.",
    draw=draw_free,
    conclude=conclude_free,
    share=0.5,
)

# --------------------------------------------------------------------------------------------------------------------- A.4


def draw_regularised(rng: np.random.Generator) -> Problem:
    """Up to three orthogonal inputs and three outputs, p = 2 or 1, strengths around the threshold."""
    n, p = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    X = (np.linalg.qr(rng.standard_normal((p, p)))[0] * 10.0 ** rng.uniform(-0.5, 0.5, (p, 1))).T
    Y = rng.standard_normal((p, n))
    lam = 10.0 ** rng.uniform(-1.5, 0.5)
    return Problem(X, Y, lam, lam2=10.0 ** rng.uniform(-2.5, 0.5), p=float(rng.choice([1.0, 2.0])))


def design_of(i: Problem) -> Design:
    """The same problem in the draft's scale."""
    scale = 2 * len(i.Y)
    return Design(i.X.T, i.Y.T, scale * i.lam, scale * i.lam2)


def conclude_regularised(i: Problem) -> Verdict:
    """All sign patterns have the same value and are stationary; prices are balanced; for p = 2 live inputs are counted."""
    from solvers import RegularizedShrinkNet

    fit = _solve(i, RegularizedShrinkNet(i.lam, i.lam2, i.p))
    live = np.flatnonzero(fit.beta)
    values, slopes = [], []
    for signs in itertools.product((1.0, -1.0), repeat=len(live)):
        A, beta = fit.A.copy(), fit.beta.copy()
        A[:, live], beta[live] = A[:, live] * signs, beta[live] * signs
        values.append(_regularised(i, A, beta))
        slopes.append(_slope(i, A, beta))
    apart = (max(values) - min(values)) / i.null_loss
    prices = i.lam * fit.beta, i.p * i.lam2 * np.array([norm_power(a, i.p) for a in fit.A.T])
    off_balance = float(np.max(abs(prices[0] - prices[1]))) / i.null_loss
    design = design_of(i)
    minima = math.prod(minima_by_threshold(c, g, design.lam, design.lam2) for c, g in column_numbers(design))
    counted = i.p == 1 or 2 ** len(live) == len(values) == minima
    margin = min(left(max(slopes), 1e-6), left(apart, 1e-12), left(off_balance, 1e-9))
    return Verdict(bool(counted and margin >= 0), margin if counted else -1.0, witness={"live": live, "minima": minima})


def _regularised(i: Problem, A: Array, beta: Array) -> float:
    """``1/(2N) ||Y - X (A diag(beta))'||^2 + lam ||beta||_1 + lam2 ||A||_p^p``."""
    return i.loss(A * beta) + i.lam * float(abs(beta).sum()) + i.lam2 * float((abs(A) ** i.p).sum())


def _slope(i: Problem, A: Array, beta: Array) -> float:
    """The largest derivative of the objective in a non-zero entry of A or beta, relative to the penalty's own there."""
    G = -((i.Y - i.X @ (A * beta).T).T @ i.X) / len(i.Y)
    pull = i.p * i.lam2 * abs(A) ** (i.p - 1) if i.p > 1 else np.full_like(A, i.lam2)
    in_A = abs(G * beta + pull * np.sign(A)) / (i.lam2 + pull)
    in_beta = abs((G * A).sum(axis=0) + i.lam * np.sign(beta)) / i.lam
    return float(max(np.max(in_A[A != 0], initial=0.0), np.max(in_beta[beta != 0], initial=0.0)))


def is_clear(i: Problem) -> bool:
    """Whether no column is within a thousandth of its threshold (p = 2): the reduced problem clearly has one minimiser."""
    design = design_of(i)
    return all(abs(threshold_excess(c, g, design.lam, design.lam2)) > 1e-3 * g * g for c, g in column_numbers(design))


REGULARISED = Statement(
    id="solve-A4",
    title="solve: all 2^nnz sign flips are stationary",
    claim="All sign patterns of solve's (A, beta) have the same value and are stationary; lam beta_j = p lam2 ||a_j||_p^p; "
    "with orthogonal inputs and p = 2 their number is that of all global minima.",
    hypotheses=(Hypothesis("the reduced problem has one minimiser", is_clear),),
    proof=("By A4-flips, A4-balance and A4-count, in the solver's scale.",),
    source="Proposition A.4 as corrected.",
    meaning="The answer stands for all its sign variants. Margin: the share of the tolerance that is left (1e-6 on relative "
    "slopes).",
    draw=draw_regularised,
    conclude=conclude_regularised,
    share=0.05,
)

# --------------------------------------------------------------------------------------------------- the proximal operators


@dataclass(frozen=True)
class Point:
    """A vector, a strength ``lam`` at lam2 = 1, the exponent p, and a vector to compare with."""

    z: Array
    lam: float
    p: float
    other: Array


def conclude_operator(i: Point) -> Verdict:
    """No point has a smaller objective than the one returned; with one target it is the scalar formula, for p = 2 radial."""
    from solvers import RegularizedShrinkNet, prox

    penalty, out = RegularizedShrinkNet(i.lam, 1.0, i.p), np.empty_like(i.z)
    prox(penalty.kernel(1), i.z, 1.0, 0, out)
    size = 0.5 * float(i.z @ i.z) + 1e-300

    def objective(w: Array) -> float:
        return 0.5 * float(((w - i.z) ** 2).sum()) + penalty.value(w[:, np.newaxis])

    mu, length = float(penalty.mu(1)[0]), float(np.sqrt(i.z @ i.z))
    slack = (
        min(objective(w) - objective(out) for w in (0 * i.z, i.z, i.other, 1.01 * out, 0.99 * out, out + 0.01 * i.other)) / size
    )
    if i.p == 2:
        expected = two_thirds_prox(length, mu) / (length or 1.0) * i.z
    elif len(i.z) == 1:
        expected = np.array([half_prox(float(i.z[0]), mu)])
    else:
        return at_least_zero(slack)
    return at_least_zero(min(slack, -float(np.max(abs(out - expected))) / (length or 1.0)), expected=expected)


def draw_operator(rng: np.random.Generator) -> Point:
    """Vectors of one to four entries around the threshold, zeros among them."""
    z = with_zeros(rng, int(rng.integers(1, 5)))
    p = float(rng.choice([1.0, 2.0]))
    return Point(z, float(np.sqrt(z @ z)) * 10.0 ** rng.uniform(-2, 0.5) + 1e-3, p, z * rng.uniform(-0.2, 1.2, len(z)))


OPERATOR = Statement(
    id="solve-prox",
    title="solvers.prox is the operator of RegularizedShrinkNet",
    claim="The public operation prox of RegularizedShrinkNet returns a minimiser: never worse than any other point; equal to "
    "the scalar formulas with one target, and for p = 2 along z with any number of targets.",
    hypotheses=(),
    proof=(
        "By prox-half and prox-two-thirds; for p = 2 only the length of w changes, as the penalty does not see its direction.",
    ),
    source="The propositions on thresholding.",
    meaning="A penalty of your own can call the operators of the package.",
    draw=draw_operator,
    conclude=conclude_operator,
)

STATEMENTS = (UNIT_COLUMNS, FREE_COLUMNS, REGULARISED, OPERATOR)
