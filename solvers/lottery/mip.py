"""One subset sum as the mixed-integer program of the paper, through OR-Tools' MathOpt: SCIP, or HiGHS where it was built in.

    minimise z    subject to    -z <= target - sum_i values_i x_i <= z,    x in {0, 1}^n

A MIP solver works with tolerances: it reports optimal with objective 0 on instances whose true error is 1e-7. Values are scaled
to a sum of one, the solver's bound is lowered by what its tolerances may hide, and the mask is evaluated exactly.
"""

from __future__ import annotations

import datetime
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.errors import require
from solvers.lottery.answers import exact_error
from solvers.lottery.outcome import Outcome
from solvers.lottery.question import Question
from solvers.results import Kind, Limit

TOLERANCE = 1e-6
"""Feasibility and integrality tolerance of the solvers, relative to a problem whose values sum to one: each constraint may be
missed by so much, and rounding x changes a sum by at most as much again."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def solve_one(question: Question, k: int, time_limit: float | None, solver: str = "scip") -> Outcome:
    """Solve target k of a question; for ``lexicographic`` the size first, then the error at that size."""
    deadline = math.inf if time_limit is None else time.perf_counter() + time_limit
    program = _Program.of(question, k, solver)
    if not question.fewest:
        return _closest(program, question.max_size, deadline)
    mask, bound, limit = program.solve(question.tol + program.slack, question.max_size, deadline)
    if mask is not None and exact_error(question.row(k), mask, question.target(k)) > question.tol:
        mask, _, limit = program.solve(question.tol - program.slack, question.max_size, deadline)
    if mask is None:
        return Outcome(_closest(program, question.max_size, deadline).mask, bound, Kind.MIP_BOUND, limit)
    # The size is an integer: a bound of 2.1 proves 3, one of 2 + the tolerance proves 2.
    size = math.ceil(bound - (question.n + 1) * TOLERANCE)
    if question.objective == "size" or int(np.sum(mask)) > size:
        return Outcome(mask, size, Kind.MIP_BOUND, limit)
    closest = _closest(program, size, deadline)
    better = closest if exact_error(question.row(k), closest.mask, question.target(k)) <= question.tol else None
    return Outcome(mask if better is None else better.mask, closest.lower, Kind.MIP_BOUND, closest.limit, size_proven=True)


def _closest(program: _Program, max_size: int, deadline: float) -> Outcome:
    mask, bound, limit = program.solve(None, max_size, deadline)
    mask = np.zeros(len(program.values), np.bool_) if mask is None else mask
    return Outcome(mask, max(0.0, bound * program.unit - program.slack), Kind.MIP_BOUND, limit)


@dataclass(frozen=True)
class _Program:
    """One target's program, values and target divided by ``unit``; ``slack`` is what tolerances may hide, in units of the
    values."""

    values: Any
    target: float
    unit: float
    solver: str

    @classmethod
    def of(cls, question: Question, k: int, solver: str) -> _Program:
        values, target = question.values[min(k, len(question.values) - 1)], float(question.targets[k])
        unit = math.fsum([abs(target), *np.abs(values).tolist()]) or 1.0
        return cls(values / unit, target / unit, unit, solver)

    @property
    def slack(self) -> float:
        return 2.0 * TOLERANCE * self.unit

    def solve(self, tol: float | None, max_size: int, deadline: float) -> tuple[Mask | None, float, Limit]:
        """The smallest error, or for a ``tol`` the smallest size: mask, dual bound, limit."""
        mathopt: Any = require("ortools.math_opt.python.mathopt", extra="lottery", purpose="method='mip'")
        model = mathopt.Model(name="subset sum")
        x = [model.add_binary_variable(name=f"x{i}") for i in range(len(self.values))]
        rest = self.target - mathopt.fast_sum(float(value) * variable for value, variable in zip(self.values, x, strict=True))
        size = mathopt.fast_sum(x)
        if max_size < len(x):
            model.add_linear_constraint(size <= max_size)
        z = model.add_variable(lb=0.0, ub=2.0 if tol is None else max(0.0, tol / self.unit), name="z")
        model.add_linear_constraint(rest <= z)
        model.add_linear_constraint(-1.0 * rest <= z)
        model.minimize(z if tol is None else size)
        left = max(1e-3, deadline - time.perf_counter())
        limits: dict[str, Any] = {} if left == math.inf else {"time_limit": datetime.timedelta(seconds=left)}
        if self.solver == "scip":
            # HiGHS refuses to be told, and uses one thread on problems this small.
            limits["threads"] = 1
        parameters = mathopt.SolveParameters(random_seed=1, relative_gap_tolerance=0.0, absolute_gap_tolerance=0.0, **limits)
        backend = getattr(mathopt.SolverType, {"scip": "GSCIP", "highs": "HIGHS"}[self.solver])
        return _read(mathopt, mathopt.solve(model, backend, params=parameters), x)


def _read(mathopt: Any, result: Any, x: list[Any]) -> tuple[Mask | None, float, Limit]:
    reason = result.termination.reason
    if reason == mathopt.TerminationReason.INFEASIBLE:
        return None, math.inf, Limit.NONE
    limit = Limit.NONE if reason == mathopt.TerminationReason.OPTIMAL else Limit.TIME
    bound = result.termination.objective_bounds.dual_bound
    mask = None
    if result.has_primal_feasible_solution():
        mask = np.array([result.variable_values(variable) > 0.5 for variable in x])
    return mask, bound if math.isfinite(bound) else 0.0, limit
