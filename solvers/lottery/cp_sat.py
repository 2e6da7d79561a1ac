"""One subset sum by OR-Tools' CP-SAT: integer coefficients, a stated scaling error, incumbents and bounds under a time limit."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from solvers.errors import require
from solvers.lottery.answers import exact_error
from solvers.lottery.outcome import Outcome
from solvers.lottery.question import Question
from solvers.lottery.scaling import Scaled, scale
from solvers.results import Kind, Limit

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Model:
    """``target - sum_i values_i x_i`` over 0/1 variables x, and what is asked of it."""

    def __init__(self, scaled: Scaled, max_size: int) -> None:
        cp_model: Any = require("ortools.sat.python.cp_model", extra="lottery", purpose="method='cp_sat'")
        self.scaled, self.names = scaled, cp_model
        self.model = cp_model.CpModel()
        self.x = [self.model.new_bool_var(f"x{i}") for i in range(len(scaled.coefficients))]
        self.rest = scaled.target - cp_model.LinearExpr.weighted_sum(self.x, scaled.coefficients)
        self.size = cp_model.LinearExpr.sum(self.x)
        if max_size < len(self.x):
            self.model.add(self.size <= max_size)
        largest = abs(scaled.target) + sum(map(abs, scaled.coefficients))
        self.error = self.model.new_int_var(0, largest, "error")
        self.model.add(self.rest <= self.error)
        self.model.add(-self.rest <= self.error)

    def within(self, units: int) -> None:
        """Demand a scaled error of at most ``units``."""
        self.model.add(self.error <= units)

    def solve(self, objective: Any, time_limit: float | None, hint: Mask | None = None) -> tuple[Mask | None, float, Limit]:
        """The best mask found (None without one), the proven bound of the objective (inf: no mask exists), and the limit."""
        self.model.minimize(objective)
        if hint is not None:
            self.model.clear_hints()
            for variable, kept in zip(self.x, hint, strict=True):
                self.model.add_hint(variable, int(kept))
        solver = self.names.CpSolver()
        # One worker and a fixed seed: the same mask every time.
        solver.parameters.num_workers, solver.parameters.random_seed = 1, 0
        if time_limit is not None:
            solver.parameters.max_time_in_seconds = max(time_limit, 1e-3)
        status = solver.solve(self.model)
        if status == self.names.INFEASIBLE:
            return None, math.inf, Limit.NONE
        limit = Limit.NONE if status == self.names.OPTIMAL else Limit.TIME
        if status not in (self.names.OPTIMAL, self.names.FEASIBLE):
            return None, 0.0, limit
        mask = np.array([solver.boolean_value(variable) for variable in self.x])
        # An integer objective: a bound that is a fraction short of an integer proves that integer.
        return mask, math.ceil(solver.best_objective_bound - 1e-6), limit


def solve_one(question: Question, k: int, time_limit: float | None) -> Outcome:
    """Solve target k of a question."""
    deadline = math.inf if time_limit is None else time.perf_counter() + time_limit
    values, target = question.values[min(k, len(question.values) - 1)], float(question.targets[k])
    scaled = scale(values, target, integer=question.integer)
    if not question.fewest:
        return _closest(scaled, question, _left(deadline))
    return _fewest(scaled, question, k, deadline)


def _left(deadline: float) -> float | None:
    return None if deadline == math.inf else deadline - time.perf_counter()


def _closest(scaled: Scaled, question: Question, time_limit: float | None) -> Outcome:
    model = Model(scaled, question.max_size)
    mask, bound, limit = model.solve(model.error, time_limit, np.zeros(question.n, np.bool_))
    if mask is None:
        mask, bound = np.zeros(question.n, np.bool_), 0.0
    return Outcome(mask, max(0.0, scaled.in_units(bound) - scaled.error), Kind.MIP_BOUND, limit)


def _fewest(scaled: Scaled, question: Question, k: int, deadline: float) -> Outcome:
    """The relaxed tolerance proves the bound, the exact error decides whether its mask counts; if not, the tightened one."""
    model = Model(scaled, question.max_size)
    model.within(math.floor(scaled.scaled(question.tol + scaled.error)))
    mask, bound, limit = model.solve(model.size, _left(deadline))
    if mask is None and bound == math.inf:
        return Outcome(_closest(scaled, question, _left(deadline)).mask, math.inf, Kind.MIP_BOUND, limit)
    if mask is None or exact_error(question.row(k), mask, question.target(k)) > question.tol:
        model.within(math.floor(scaled.scaled(question.tol - scaled.error)))
        mask, _, limit = model.solve(model.size, _left(deadline))
    if mask is None:
        return Outcome(np.zeros(question.n, np.bool_), bound, Kind.MIP_BOUND, limit)
    proven = int(np.sum(mask)) <= bound
    if question.objective == "size" or not proven:
        return Outcome(mask, bound, Kind.MIP_BOUND, limit)
    model.model.add(model.size <= int(bound))
    closer, bound, limit = model.solve(model.error, _left(deadline), mask)
    lower = max(0.0, scaled.in_units(bound) - scaled.error)
    return Outcome(mask if closer is None else closer, lower, Kind.MIP_BOUND, limit, size_proven=True)
