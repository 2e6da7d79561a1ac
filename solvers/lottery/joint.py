"""What is not one independent subset sum: one mask for several targets, and budgets shared by many masks. OR-Tools' CP-SAT."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from solvers._arrays import as_count, as_matrix, as_number
from solvers.errors import IncompatibleError, InputError, require
from solvers.lottery.answers import SubsetSums, exact_error, pack_integers
from solvers.lottery.meet_in_the_middle import Task, check_size, solve_rows
from solvers.lottery.question import Question, ask, memory_allowed
from solvers.lottery.rows import Rows, chunks_of
from solvers.lottery.scaling import BITS, scale
from solvers.results import Certificate, Kind, Limit, Record, Status, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class CommonSubset(Record):
    """One mask that serves several targets.

    Attributes
    ----------
    mask : ndarray (n,), bool
        Which columns are kept.
    errors : ndarray (n_targets,)
        ``|target - sum|`` of each, correctly rounded.
    size : int
        How many are kept.
    objective : str
        What was minimised.
    status : Status
        ``certified`` where the gap is at most the certificate's tol, ``converged`` where CP-SAT proved the scaled problem
        optimal and only the scaling error is left, ``feasible`` after a time limit, ``infeasible`` where no mask is within
        ``tol``.
    limit : Limit
        What stopped the search.
    certificate : Certificate
        Largest error, or size: what the mask achieves and what is proven, the bound lowered by the error of scaling.
    """

    mask: Mask
    errors: Array
    size: int
    objective: str
    status: Status
    limit: Limit
    certificate: Certificate


def common_subset(
    values: ArrayLike,
    targets: ArrayLike,
    *,
    objective: str = "error",
    tol: float = 0.0,
    max_size: int | None = None,
    time_limit: float | None = 60.0,
) -> CommonSubset:
    """Choose columns so that *every* row's chosen entries sum close to its target: structured pruning.

    Minimise ``max_k |targets_k - sum_{i in S} values_ki|`` over S of at most ``max_size`` columns; with ``objective="size"``
    the size of S subject to that maximum being at most ``tol``.

    Parameters
    ----------
    values : array_like (n_targets, n)
        Column i is kept for all rows or for none: the weights of one filter, say.
    targets : array_like (n_targets,)
        In units of the values.
    objective : {"error", "size"}
        What is minimised.
    tol : float
        Largest error allowed for ``"size"``; positive unless all is integer.
    max_size : int, optional
        The most columns that may be kept.
    time_limit : float or None
        Seconds.

    Returns
    -------
    CommonSubset
        The mask and what is proven.

    Raises
    ------
    InputError, IncompatibleError
        As `subset_sum`.
    MissingDependencyError
        If OR-Tools is not installed.

    Notes
    -----
    Row k is multiplied by a power of two and rounded to integers whose sum is below ``2^48``; an error then differs from its
    scaled counterpart by at most half a unit per rounded number, which is added to the bound. Source: the multidimensional
    subset sums of da Cunha, d'Amore and Natale (2023).

    Examples
    --------
    >>> from solvers import common_subset
    >>> answer = common_subset([[1, 2, 4, 8], [5, 1, 1, 3]], [9, 8])
    >>> answer.mask, answer.errors
    (array([ True, False, False,  True]), array([0., 0.]))
    """
    if objective == "lexicographic":
        raise InputError("objective must be 'error' or 'size' for a common subset, got 'lexicographic'")
    values = as_matrix(values, "values") if not _whole(values) else np.asarray(values)
    question = ask(values, targets, single=False, objective=objective, tol=tol, max_size=max_size, method="cp_sat")
    if len(question.targets) == 0:
        raise InputError("targets must hold at least one number, got none")
    limit = None if time_limit is None else as_number(time_limit, "time_limit")
    return _solve_common(question, limit)


def _whole(values: Any) -> bool:
    array = np.asarray(values)
    return array.ndim == 2 and array.dtype.kind in "iu"


def _solve_common(question: Question, time_limit: float | None) -> CommonSubset:
    cp_model: Any = require("ortools.sat.python.cp_model", extra="lottery", purpose="common_subset")
    count, n = question.values.shape
    # One unit for all rows: the errors are compared with each other.
    exponent = min(scale(question.values[k], float(question.targets[k]), integer=question.integer).scale for k in range(count))
    model = cp_model.CpModel()
    x = [model.new_bool_var(f"x{i}") for i in range(n)]
    error = model.new_int_var(0, 1 << (BITS + 2), "error")
    slack = 0.0
    for k in range(count):
        numbers = [math.ldexp(number, exponent) for number in [*question.values[k].tolist(), float(question.targets[k])]]
        rounded = [round(number) for number in numbers]
        slack = max(slack, 0.5 * sum(whole != number for whole, number in zip(rounded, numbers, strict=True)))
        rest = rounded[-1] - cp_model.LinearExpr.weighted_sum(x, rounded[:-1])
        model.add(rest <= error)
        model.add(-rest <= error)
    size = cp_model.LinearExpr.sum(x)
    model.add(size <= question.max_size)
    if question.fewest:
        model.add(error <= math.floor(math.ldexp(question.tol, exponent) + slack))
    model.minimize(size if question.fewest else error)
    status, bound, solver = _run(cp_model, model, time_limit)
    mask = np.zeros(n, np.bool_)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        mask = np.array([solver.boolean_value(variable) for variable in x])
    errors = np.array([float(exact_error(question.row(k), mask, question.target(k))) for k in range(count)])
    within = status != cp_model.INFEASIBLE and (not question.fewest or float(errors.max()) <= question.tol)
    upper = (float(np.sum(mask)) if question.fewest else float(errors.max())) if within else math.inf
    lower = bound if question.fewest else max(0.0, math.ldexp(bound - slack, -exponent))
    lower = math.inf if status == cp_model.INFEASIBLE else min(lower, upper)
    limit = Limit.TIME if status in (cp_model.FEASIBLE, cp_model.UNKNOWN) else Limit.NONE
    gap = 0.0 if upper == lower else upper - lower
    certificate = Certificate(Kind.MIP_BOUND, upper, lower, gap, 0.0 if question.fewest else question.tol)
    return CommonSubset(mask, errors, int(np.sum(mask)), question.objective, _verdict(certificate, limit), limit, certificate)


def _verdict(certificate: Certificate, limit: Limit) -> Status:
    if certificate.lower == math.inf:
        return Status.INFEASIBLE
    if certificate.holds:
        return Status.CERTIFIED
    return Status.CONVERGED if limit is Limit.NONE and certificate.upper < math.inf else Status.FEASIBLE


def _run(cp_model: Any, model: Any, time_limit: float | None) -> tuple[Any, float, Any]:
    """Status, proven bound of an integer objective, and the solver."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers, solver.parameters.random_seed = 1, 0
    if time_limit is not None:
        solver.parameters.max_time_in_seconds = max(time_limit, 1e-3)
    status = solver.solve(model)
    known = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return status, math.ceil(solver.best_objective_bound - 1e-6) if known else 0.0, solver


# --------------------------------------------------------------------------------------------------------- shared budgets


def allocate_subsets(
    values: ArrayLike,
    targets: ArrayLike,
    *,
    total_size: int | None = None,
    total_error: float | None = None,
    max_size: int = 6,
    time_limit: float | None = 60.0,
    n_jobs: int | None = None,
    memory_limit: float | None = None,
) -> SubsetSums:
    """One subset for each target under a budget that all of them share.

    With ``total_size`` minimise the sum of all errors such that no more than so many values are kept in all; with ``total_error``
    minimise the number of values kept in all such that the sum of all errors is at most that. Every single target keeps at most
    ``max_size`` values.

    Parameters
    ----------
    values, targets
        As in `subset_sums`.
    total_size : int, optional
        Budget of values, for a row or a layer.
    total_error : float, optional
        Budget of error, in units of the values; exactly one of both budgets is given.
    max_size : int
        The most values a single target may keep.
    time_limit : float or None
        Seconds for the allocation.
    n_jobs, memory_limit
        As in `subset_sums`.

    Returns
    -------
    SubsetSums
        ``certificate`` is about the sum of errors, or of sizes.

    Raises
    ------
    InputError, IncompatibleError, MissingDependencyError
        As `subset_sums`; and if not exactly one budget is given.

    Notes
    -----
    Masks are independent given their sizes. So the smallest error of each target is computed for every size from 0 to
    ``max_size`` by meeting in the middle, and CP-SAT chooses one size for each target: a multiple-choice knapsack, whose errors
    are rounded to ``2^-40`` of their sum.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import allocate_subsets
    >>> rng = np.random.default_rng(0)
    >>> values, targets = rng.uniform(-1, 1, (30, 12)), rng.uniform(-0.5, 0.5, 30)
    >>> fifty = allocate_subsets(values, targets, total_size=50)
    >>> int(fifty.sizes.sum()), fifty.certificate.upper < 0.5
    (50, True)
    """
    began = time.perf_counter()
    if (total_size is None) == (total_error is None):
        raise IncompatibleError("give exactly one budget: write total_size=... or total_error=...")
    question = ask(
        values, targets, single=False, objective="error", tol=0.0, max_size=as_count(max_size, "max_size"), method="auto"
    )
    check_size(question.n, memory_allowed(memory_limit))
    rows = Rows(n_jobs, None)
    masks, errors = _fronts(question, rows)
    budget = as_count(total_size, "total_size", minimum=0) if total_size is not None else as_number(total_error, "total_error")
    limit = None if time_limit is None else as_number(time_limit, "time_limit")
    sizes = np.bitwise_count(masks).astype(np.int64)
    chosen, bound, stop = _allocate(errors, sizes, budget, by_size=total_size is not None, time_limit=limit)
    everyone = np.arange(len(question.targets))
    errors, sizes = errors[everyone, chosen], sizes[everyone, chosen]
    upper = math.fsum(errors) if total_size is not None else float(np.sum(sizes))
    within = total_error is None or math.fsum(errors) <= total_error
    lower = min(bound, upper)
    certificate = Certificate(Kind.MIP_BOUND, upper, lower, upper - lower, 0.0)
    proven = bound < math.inf and within
    return SubsetSums(
        packed=pack_integers(masks[everyone, chosen], question.n),
        n_candidates=question.n,
        errors=errors,
        sizes=sizes,
        missed=np.zeros(0, np.intp),
        unproven=np.zeros(0, np.intp),
        objective="error" if total_size is not None else "size",
        method="cp_sat",
        status=_verdict(certificate, stop) if proven else Status.INFEASIBLE,
        limit=stop,
        certificate=certificate,
        elapsed=time.perf_counter() - began,
    )


def _fronts(question: Question, rows: Rows) -> tuple[Any, Array]:
    """The best mask of each target with at most k values, and its error, for k = 0 ... max_size: (n_targets, max_size + 1)."""
    count, shared = len(question.targets), len(question.values) == 1
    chunks = chunks_of(count, 500, rows.n_jobs)
    masks, errors = np.zeros((count, question.max_size + 1), np.int64), np.zeros((count, question.max_size + 1))
    for k in range(question.max_size + 1):
        calls = [
            (question.values if shared else question.values[begin:end], question.targets[begin:end], Task(False, 0.0, k))
            for begin, end in chunks
        ]
        for index, found in rows.run(solve_rows, calls):
            masks[slice(*chunks[index]), k], errors[slice(*chunks[index]), k] = found.masks, found.errors
    return masks, errors


def _allocate(errors: Array, sizes: Any, budget: float, *, by_size: bool, time_limit: float | None) -> tuple[Any, float, Limit]:
    """Which entry of its front each target takes, the proven bound of the total (inf: there is none within budget), the limit."""
    cp_model: Any = require("ortools.sat.python.cp_model", extra="lottery", purpose="allocate_subsets")
    count, options = errors.shape
    total = float(np.sum(errors[:, 0])) or 1.0
    exponent = 40 - math.frexp(total)[1]
    scaled = np.rint(np.ldexp(errors, exponent)).astype(np.int64)
    slack = 0.5 * count
    model = cp_model.CpModel()
    x = [[model.new_bool_var(f"x{k}_{j}") for j in range(options)] for k in range(count)]
    for row in x:
        model.add_exactly_one(row)
    flat = [variable for row in x for variable in row]
    size = cp_model.LinearExpr.weighted_sum(flat, sizes.ravel().tolist())
    error = cp_model.LinearExpr.weighted_sum(flat, scaled.ravel().tolist())
    if by_size:
        model.add(size <= int(budget))
    else:
        # Relaxed by all that rounding may hide: only so is the bound one of the problem that was asked.
        model.add(error <= math.floor(math.ldexp(budget, exponent) + slack))
    model.minimize(error if by_size else size)
    chosen, bound, limit = _choose(cp_model, model, x, time_limit)
    if chosen is not None and not by_size and math.fsum(errors[np.arange(count), chosen]) > budget:
        model.add(error <= math.floor(math.ldexp(budget, exponent) - slack))
        chosen, _, limit = _choose(cp_model, model, x, time_limit)
    if chosen is None:
        return np.full(count, 0 if by_size else options - 1), bound, limit
    return chosen, max(0.0, math.ldexp(bound - slack, -exponent)) if by_size else bound, limit


def _choose(cp_model: Any, model: Any, x: list[list[Any]], time_limit: float | None) -> tuple[Any, float, Limit]:
    """Which option each target takes, None where no choice was found; the bound, inf where none exists; the limit."""
    status, bound, solver = _run(cp_model, model, time_limit)
    if status == cp_model.INFEASIBLE:
        return None, math.inf, Limit.NONE
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, 0.0, Limit.TIME
    chosen = np.array([next(j for j, variable in enumerate(row) if solver.boolean_value(variable)) for row in x])
    return chosen, float(bound), Limit.NONE if status == cp_model.OPTIMAL else Limit.TIME
