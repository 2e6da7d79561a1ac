"""The public calls: one subset sum, or one for each of many targets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from solvers._arrays import as_number
from solvers.errors import IncompatibleError, InputError, SolveError
from solvers.lottery import brute_force
from solvers.lottery.answers import SubsetSum, SubsetSums, pack, pack_integers
from solvers.lottery.by_size import OUT_OF_REACH, PROVEN, UNPROVEN
from solvers.lottery.meet_in_the_middle import Found, Task, check_size, chunk_length, solve_rows
from solvers.lottery.outcome import Outcome, as_answer
from solvers.lottery.question import Question, ask, memory_allowed
from solvers.lottery.rows import Rows, chunks_of
from solvers.results import Certificate, Kind, Limit, Status


def subset_sum(
    values: ArrayLike,
    target: float,
    *,
    objective: str = "error",
    tol: float = 0.0,
    max_size: int | None = None,
    method: str = "auto",
    time_limit: float | None = None,
    memory_limit: float | None = None,
    cross_check: str | None = None,
) -> SubsetSum:
    """Choose some of the values so that their sum is as close as possible to the target, or few that are close enough.

    With ``objective="error"`` minimise ``|target - sum_{i in S} values_i|`` over all subsets S of at most ``max_size`` values,
    then the size of S. With ``"size"`` and ``"lexicographic"`` minimise the size of S subject to ``|target - sum| <= tol``,
    then, with ``"lexicographic"``, the error. (The exact methods return the lexicographic answer for both.) Among equals the
    first mask wins: the smallest integer with bit i for value i.

    Parameters
    ----------
    values : array_like (n,)
        The candidates: float64, or integers up to 2^53, which stay exact. Any sign; repeated values and zeros are welcome.
    target : float or int
        In units of the values.
    objective : {"error", "size", "lexicographic"}
        What is minimised.
    tol : float
        In units of the values. For ``"size"`` and ``"lexicographic"`` the largest error allowed; must be positive unless all is
        integer. For ``"error"`` how far from the smallest error the answer may be and still count as certified.
    max_size : int, optional
        The most values that may be kept; n where omitted.
    method : {"auto", "meet_in_the_middle", "brute_force", "cp_sat", "mip", "mip_highs", "beam"}
        ``meet_in_the_middle``, which ``auto`` stands for: exact, ``O(2^(n/2))`` time and memory. ``brute_force``: exact, n up
        to 24. ``cp_sat``, ``mip`` (SCIP) and ``mip_highs``: OR-Tools, any n, with a time limit, an incumbent and a bound.
        ``beam``: a heuristic for large n.
    time_limit : float, optional
        Seconds, for ``cp_sat``, ``mip`` and ``beam``; the other methods run to their end.
    memory_limit : float, optional
        Bytes that meeting in the middle may take; half of the machine's memory where omitted.
    cross_check : str, optional
        Another method that answers the same question; a `SolveError` where the two contradict each other.

    Returns
    -------
    SubsetSum
        The mask, its sum and error, correctly rounded, and a certificate.

    Raises
    ------
    InputError, IncompatibleError
        If there is no value, a number is not finite, ``tol`` is negative, or 0 where it may not be; if n is too large for the
        method.
    MissingDependencyError
        If ``cp_sat`` or ``mip`` is asked for and OR-Tools is not installed.
    SolveError
        If ``cross_check`` contradicts the answer, which is its ``result``.

    Notes
    -----
    Half sums are added in 59-bit fixed point, where they do not round. All pairs whose fixed-point error is within n + 1 units
    of the smallest are compared by their exact error (Shewchuk's summation, as in `math.fsum`), so the answer is the best
    subset and not one that rounding made look so. Source: Pensia et al., arXiv 2006.07990, Experiment 1, which solves the
    problem as a mixed-integer program.

    Examples
    --------
    >>> from solvers import subset_sum
    >>> answer = subset_sum([0.5, -0.3, 0.24, 0.1], 0.45)
    >>> answer.mask, round(answer.error, 3), answer.status
    (array([ True,  True,  True, False]), 0.01, <Status.CERTIFIED: 'certified'>)
    >>> subset_sum([3, 5, 9, 14], 17).total
    17
    >>> subset_sum([0.5, -0.3, 0.24, 0.1], 0.3, objective="size", tol=0.01).size
    3
    """
    question = ask(values, target, single=True, objective=objective, tol=tol, max_size=max_size, method=method)
    limit = None if time_limit is None else as_number(time_limit, "time_limit")
    answer = _answer(question, 0, _resolve(question, memory_limit), limit)
    if cross_check is not None:
        other_question = ask(values, target, single=True, objective=objective, tol=tol, max_size=max_size, method=cross_check)
        other = _answer(other_question, 0, _resolve(other_question, memory_limit), limit)
        _compare(question, answer, other)
    return answer


def subset_sums(
    values: ArrayLike,
    targets: ArrayLike,
    *,
    objective: str = "error",
    tol: float = 0.0,
    max_size: int | None = None,
    method: str = "auto",
    n_jobs: int | None = None,
    time_limit: float | None = None,
    memory_limit: float | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> SubsetSums:
    """`subset_sum` for each of many targets, with candidates of its own or the same for all.

    Parameters
    ----------
    values : array_like (n_targets, n) or (n,)
        The candidates of each target, or those of all.
    targets : array_like (n_targets,)
        What the sums are to be close to.
    objective, tol, max_size, method, memory_limit
        As in `subset_sum`.
    n_jobs : int, optional
        Threads; or, within ``joblib.parallel_config(backend="dask")`` and the like, workers of that backend. Masks do not
        depend on it. 1 where omitted, -1 for all.
    time_limit : float, optional
        Seconds; looked at between chunks of about a quarter of a second. Targets that were not reached get an empty mask and
        stand in ``unproven``.
    on_progress : callable, optional
        Called with how many chunks are finished, and how many there are.

    Returns
    -------
    SubsetSums
        Packed masks, errors, sizes.

    Raises
    ------
    InputError, IncompatibleError, MissingDependencyError
        As `subset_sum`; and if there are not as many rows of values as targets.

    Notes
    -----
    ``O(2^(n/2))`` time for each target, ``O(2^(n/2))`` memory for each worker. With shared candidates and many targets one long
    sorted list is searched for all of them. A Ctrl-C returns what is finished.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import subset_sums
    >>> rng = np.random.default_rng(0)
    >>> answers = subset_sums(rng.uniform(-1, 1, (1000, 21)), rng.uniform(-0.5, 0.5, 1000))
    >>> bool(answers.errors.max() < 1e-3), answers.certificate.holds, answers.masks.shape
    (True, True, (1000, 21))
    """
    began = time.perf_counter()
    question = ask(values, targets, single=False, objective=objective, tol=tol, max_size=max_size, method=method)
    method = _resolve(question, memory_limit)
    rows = Rows(n_jobs, None if time_limit is None else as_number(time_limit, "time_limit"), on_progress)
    solve = _many if method == "meet_in_the_middle" else _one_by_one
    return solve(question, method, rows, began)


def _resolve(question: Question, memory_limit: float | None) -> str:
    """The method that ``auto`` stands for; refuses what does not fit."""
    method = "meet_in_the_middle" if question.method == "auto" else question.method
    if method == "meet_in_the_middle":
        check_size(question.n, memory_allowed(memory_limit))
    if method == "brute_force" and question.n > brute_force.LARGEST:
        raise InputError(
            f"values has n = {question.n} candidates, brute force takes at most {brute_force.LARGEST}: write method='auto'"
        )
    if method == "beam" and question.fewest:
        raise IncompatibleError(f"method='beam' minimises the error only, got objective={question.objective!r}: write 'cp_sat'")
    return method


# --------------------------------------------------------------------------------------------------------------- one target


def _answer(question: Question, k: int, method: str, time_limit: float | None) -> SubsetSum:
    return as_answer(question, k, _outcome(question, k, method, time_limit), method)


def _outcome(question: Question, k: int, method: str, time_limit: float | None) -> Outcome:
    if method == "meet_in_the_middle":
        return _meet(question, k)
    if method == "brute_force":
        return _enumerate(question, k)
    if method == "beam":
        from solvers.lottery.beam import solve_one
    elif method == "cp_sat":
        from solvers.lottery.cp_sat import solve_one
    else:
        from solvers.lottery import mip

        return mip.solve_one(question, k, time_limit, "highs" if method == "mip_highs" else "scip")
    return solve_one(question, k, time_limit)


def _meet(question: Question, k: int) -> Outcome:
    row = min(k, len(question.values) - 1)
    task = Task(question.fewest, question.tol, question.max_size)
    found = solve_rows(question.values[row : row + 1], question.targets[k : k + 1], task)
    mask = (int(found.masks[0]) >> np.arange(question.n)) & 1 == 1
    return _exhaustive(question, mask, float(found.errors[0]), int(found.codes[0]))


def _enumerate(question: Question, k: int) -> Outcome:
    values, target = question.values[min(k, len(question.values) - 1)], float(question.targets[k])
    rules: dict[str, Any] = {"tol": question.tol, "max_size": question.max_size}
    best, code = brute_force.best_subset(values, target, fewest=question.fewest, **rules), PROVEN
    if best is None:
        best, code = brute_force.best_subset(values, target, fewest=False, **rules), OUT_OF_REACH
    assert best is not None
    mask = (best >> np.arange(question.n)) & 1 == 1
    error = abs(math.fsum([target, *(-values[mask])]))
    return _exhaustive(question, mask, error, code)


def _exhaustive(question: Question, mask: Any, error: float, code: int) -> Outcome:
    """The outcome of a search that has seen every subset, or says by its code that it has not."""
    if code == UNPROVEN:
        return Outcome(mask, 0.0, Kind.EXHAUSTIVE, Limit.ITERATIONS)
    if code == OUT_OF_REACH:
        return Outcome(mask, math.inf, Kind.EXHAUSTIVE)
    lower = float(np.sum(mask)) if question.objective == "size" else error
    return Outcome(mask, lower, Kind.EXHAUSTIVE, size_proven=True)


def _compare(question: Question, answer: SubsetSum, other: SubsetSum) -> None:
    """Raise where a bound of one answer excludes the other: neither is then to be trusted."""
    for one, two in ((answer, other), (other, answer)):
        same_scale = one.objective != "lexicographic" or one.certificate.lower <= question.tol
        if same_scale and one.certificate.upper < two.certificate.lower:
            raise SolveError(
                f"{two.method} proves that no subset is better than {two.certificate.lower:g}, "
                f"{one.method} has one with {one.certificate.upper:g}: report this",
                answer,
            )


# ------------------------------------------------------------------------------------------------------------- many targets


def _many(question: Question, method: str, rows: Rows, began: float) -> SubsetSums:
    count, shared = len(question.targets), len(question.values) == 1
    task = Task(question.fewest, question.tol, question.max_size)
    chunks = chunks_of(count, chunk_length(question), rows.n_jobs)
    calls = [
        (question.values if shared else question.values[begin:end], question.targets[begin:end], task) for begin, end in chunks
    ]
    masks, sizes = np.zeros(count, np.int64), np.zeros(count, np.int64)
    errors, codes = np.abs(question.targets), np.full(count, UNPROVEN, np.int8)
    found: Found
    for index, found in rows.run(solve_rows, calls):
        place = slice(*chunks[index])
        masks[place], errors[place], sizes[place], codes[place] = found
    missed, unproven = np.flatnonzero(codes == OUT_OF_REACH), np.flatnonzero(codes == UNPROVEN)
    proven = np.where(codes == UNPROVEN, 0.0, sizes if question.objective == "size" else errors)
    return _collect(question, pack_integers(masks, question.n), errors, sizes, missed, unproven, proven, method, rows, began)


def _one_by_one(question: Question, method: str, rows: Rows, began: float) -> SubsetSums:
    count = len(question.targets)
    masks, lower = np.zeros((count, question.n), np.bool_), np.zeros(count)
    errors, sizes = np.abs(question.targets), np.zeros(count, np.int64)
    missed, unproven = [], set(range(count))
    answer: SubsetSum
    for k, answer in rows.run(_answer_within, [(question, k, method, rows.deadline) for k in range(count)]):
        masks[k], errors[k], sizes[k] = answer.mask, answer.error, answer.size
        proven_missing = answer.status is Status.INFEASIBLE
        lower[k] = (answer.size if question.objective == "size" else answer.error) if proven_missing else answer.certificate.lower
        if answer.status in (Status.CERTIFIED, Status.INFEASIBLE):
            unproven.discard(k)
        if proven_missing:
            missed.append(k)
    open_targets = np.array(sorted(unproven), dtype=np.intp)
    missing = np.array(sorted(missed), dtype=np.intp)
    return _collect(question, pack(masks), errors, sizes, missing, open_targets, lower, method, rows, began)


def _answer_within(question: Question, k: int, method: str, deadline: float | None) -> SubsetSum:
    return _answer(question, k, method, None if deadline is None else max(0.01, deadline - time.time()))


def _collect(
    question: Question,
    packed: Any,
    errors: Any,
    sizes: Any,
    missed: Any,
    unproven: Any,
    lower: Any,
    method: str,
    rows: Rows,
    began: float,
) -> SubsetSums:
    upper = sizes.astype(np.float64) if question.objective == "size" else errors
    gaps = np.maximum(upper - lower, 0.0)
    worst = int(np.argmax(gaps)) if np.any(gaps > 0.0) else int(np.argmax(upper)) if len(upper) else 0
    kind = {"meet_in_the_middle": Kind.EXHAUSTIVE, "brute_force": Kind.EXHAUSTIVE, "beam": Kind.NONE}.get(method, Kind.MIP_BOUND)
    tol = 0.0 if question.fewest else question.tol
    at = slice(worst, worst + 1)
    certificate = Certificate(kind, float(np.sum(upper[at])), float(np.sum(lower[at])), float(np.sum(gaps[at])), tol)
    return SubsetSums(
        packed=packed,
        n_candidates=question.n,
        errors=errors,
        sizes=sizes,
        missed=missed,
        unproven=unproven,
        objective=question.objective,
        method=method,
        status=Status.CERTIFIED if len(unproven) == 0 and certificate.holds else Status.FEASIBLE,
        limit=rows.limit,
        certificate=certificate,
        elapsed=time.perf_counter() - began,
    )
