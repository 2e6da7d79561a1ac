"""Prune a random network until it approximates a given one: one subset sum per weight, row by row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from solvers._arrays import as_count, as_number
from solvers.errors import IncompatibleError, InputError
from solvers.lottery.answers import pack_integers
from solvers.lottery.by_size import UNPROVEN
from solvers.lottery.checkpoints import Checkpoint
from solvers.lottery.constructions import CONSTRUCTIONS, Plan, plan
from solvers.lottery.meet_in_the_middle import Found, Task, check_size, solve_rows
from solvers.lottery.question import OBJECTIVES, memory_allowed
from solvers.lottery.rows import Rows
from solvers.lottery.targets import Target, as_target
from solvers.lottery.tickets import MISSED, LotteryTicket, TicketPart
from solvers.results import Certificate, Kind, Limit, Status

Array = np.ndarray[Any, np.dtype[np.float64]]


def prune_to_network(
    target: Any,
    *,
    eps: float = 0.01,
    n_candidates: int | None = None,
    construction: str = "relu",
    objective: str = "error",
    shared: bool = False,
    nonnegative_inputs: bool = False,
    n_jobs: int | None = None,
    random_state: int | None = None,
    time_limit: float | None = None,
    memory_limit: float | None = None,
    checkpoint: str | Path | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> LotteryTicket:
    """Draw a random network and prune it so that it approximates ``target``, every weight within ``eps``, each choice proven
    best.

    Parameters
    ----------
    target : ReluNetwork, list of array_like, MLPClassifier, MLPRegressor, or torch Sequential
        What to approximate. A list holds weight matrices (n_out, n_in), or tensors (n_out, ...) such as convolution kernels.
    eps : float
        Largest error allowed for a weight, in the weights' units; positive.
    n_candidates : int, optional
        Coefficients that each weight can choose from; ``3 round(log2(1 / eps))`` where omitted, as in the paper's code: 21 for
        0.01.
    construction : {"relu", "linear", "direct", "depth_plus_one"}
        How the random network is built, see `solvers.lottery.constructions`.
    objective : {"error", "size", "lexicographic"}
        For each weight the smallest error, or the fewest coefficients with an error of at most ``eps``.
    shared : bool
        For ``direct``: one draw of coefficients for a whole output row (the paper's code) instead of one per weight (its words).
    nonnegative_inputs : bool
        Whether all inputs of the network are at least 0, such as pixels: ``relu`` then needs half of the units in the first
        layer.
    n_jobs : int, optional
        Threads, or workers of the backend chosen by ``joblib.parallel_config``; masks do not depend on it.
    random_state : int, optional
        Seed of the random network; drawn anew where omitted.
    time_limit : float, optional
        Seconds. Weights of rows that were not reached have empty masks and count as missed.
    memory_limit : float, optional
        As in `subset_sum`.
    checkpoint : path-like, optional
        A file to which finished rows are written every few seconds and from which they are read: the same call goes on where an
        earlier one was broken off. Needs ``random_state``.
    on_progress : callable, optional
        Called with the numbers of finished and of all rows.

    Returns
    -------
    LotteryTicket
        The random network, its masks, what they achieve, and a guaranteed error bound.

    Raises
    ------
    InputError, IncompatibleError
        If ``eps`` is not positive, a name is unknown, or the target is not a network.

    Notes
    -----
    ``O(2^(n_candidates / 2))`` for each weight; linear in the number of weights. Sources: Pensia et al., arXiv 2006.07990,
    Section 2 and Experiment 1; Burkholz, NeurIPS 2022, for ``depth_plus_one``.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import ReluNetwork, prune_to_network
    >>> rng = np.random.default_rng(0)
    >>> target = ReluNetwork([rng.uniform(-0.5, 0.5, (8, 4)), rng.uniform(-0.5, 0.5, (2, 8))])
    >>> ticket = prune_to_network(target, eps=0.01, random_state=0)
    >>> X = rng.standard_normal((50, 4))
    >>> comparison = ticket.compare(X)
    >>> len(ticket.missed), comparison.worst <= comparison.bound, comparison.largest < 0.01
    (0, True, True)
    """
    began = time.perf_counter()
    eps = as_number(eps, "eps", strict=True)
    for name, value, known in (("construction", construction, CONSTRUCTIONS), ("objective", objective, OBJECTIVES)):
        if value not in known:
            raise InputError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    if shared and construction != "direct":
        raise IncompatibleError(f"shared=True needs construction='direct', got {construction!r}: leave shared out")
    checked = as_target(target)
    if construction == "depth_plus_one" and checked.network is None:
        raise IncompatibleError("construction='depth_plus_one' needs a network as target, got kernel tensors: write 'relu'")
    n = default_candidates(eps) if n_candidates is None else as_count(n_candidates, "n_candidates")
    check_size(n, memory_allowed(memory_limit))
    if checkpoint is not None and random_state is None:
        raise IncompatibleError(
            "checkpoint needs random_state, or the same network could not be drawn again: write random_state=0"
        )
    seed = (
        int(np.random.SeedSequence().generate_state(1)[0])
        if random_state is None
        else as_count(random_state, "random_state", minimum=0)
    )
    plans = plan(checked, construction, n, shared=shared, nonnegative_inputs=nonnegative_inputs, seed=seed)
    task = Task(objective != "error", eps, n)
    rows = Rows(n_jobs, None if time_limit is None else as_number(time_limit, "time_limit"))
    store = Checkpoint.open(checkpoint, checked, (construction, objective, eps, n, shared, nonnegative_inputs, seed))
    solved = _solve(plans, task, seed, rows, store, on_progress)
    run = _Run(eps, construction, objective, n, seed, rows.limit, began)
    return _ticket(checked, plans, solved, run)


def default_candidates(eps: float) -> int:
    """``3 round(log2(1 / eps))``, at least 3: the paper's code."""
    return 3 * max(1, round(np.log2(1.0 / eps)))


# ------------------------------------------------------------------------------------------------------------------- rows


def _row_seed(seed: int, part: int, row: int) -> tuple[int, int, int]:
    return seed, part + 1, row


def solve_matrix_rows(plan: Plan, seeds: Sequence[tuple[int, ...]], task: Task) -> list[Found]:
    """Subset sums of some output rows: ``plan.matrix`` holds these rows only. Runs in any process."""
    found = []
    for weights, seed in zip(plan.matrix, seeds, strict=True):
        found.append(solve_rows(plan.candidates(plan.coefficients(seed)), weights, task))
    return found


def _solve(
    plans: list[Plan],
    task: Task,
    seed: int,
    rows: Rows,
    store: Checkpoint,
    on_progress: Callable[[int, int], object] | None,
) -> list[dict[int, Found]]:
    """What was found for each row of each plan; rows that a limit left out are missing."""
    solved: list[dict[int, Found]] = [{} for _ in plans]
    calls, places = [], []
    total = sum(len(part.matrix) for part in plans)
    for p, part in enumerate(plans):
        solved[p].update(store.rows(p))
        open_rows = [row for row in range(len(part.matrix)) if row not in solved[p]]
        step = _rows_at_once(part)
        for begin in range(0, len(open_rows), step):
            some = open_rows[begin : begin + step]
            calls.append((replace(part, matrix=part.matrix[some]), [_row_seed(seed, p, row) for row in some], task))
            places.append((p, some))
    done = total - sum(len(some) for _, some in places)
    try:
        for index, answers in rows.run(solve_matrix_rows, calls):
            p, some = places[index]
            for row, found in zip(some, answers, strict=True):
                solved[p][row] = found
                store.add(p, row, found)
            done += len(some)
            if on_progress is not None:
                on_progress(done, total)
    finally:
        store.write()
    return solved


def _rows_at_once(part: Plan) -> int:
    """Rows for about a tenth of a second, by the steps that a weight takes."""
    steps = part.matrix.shape[1] * 2.0 ** (part.n / 2 + 2)
    return int(max(1, min(64, 1e8 / steps)))


# ----------------------------------------------------------------------------------------------------------------- ticket


@dataclass(frozen=True)
class _Run:
    eps: float
    construction: str
    objective: str
    n: int
    seed: int
    limit: Limit
    began: float


class _Part(NamedTuple):
    """A solved plan: the part of the ticket, errors and codes (n_out, n_in), and what candidates reach in each direction."""

    part: TicketPart
    errors: Array
    codes: Any
    reach: Array


def _ticket(target: Target, plans: list[Plan], solved: list[dict[int, Found]], run: _Run) -> LotteryTicket:
    done = [_assemble(p, part, rows, run.seed) for p, (part, rows) in enumerate(zip(plans, solved, strict=True))]
    weight_errors = _weight_errors(plans, done)
    unproven = any(np.any(one.codes == UNPROVEN) for one in done)
    largest = max(float(errors.max(initial=0.0)) for errors in weight_errors)
    certificate = Certificate(Kind.EXHAUSTIVE, largest, 0.0 if unproven else largest, largest if unproven else 0.0, 0.0)
    biased = (True, *(False,) * (len(plans) - 1)) if _has_constant_neuron(target, run) else target.biased
    return LotteryTicket(
        parts=tuple(one.part for one in done),
        biased=biased[: len(target.shapes)],
        shapes=target.shapes,
        target=target.network,
        weight_errors=weight_errors,
        missed=_missed(plans, done, run.eps),
        eps=run.eps,
        construction=run.construction,
        objective=run.objective,
        n_candidates=run.n,
        initial=sum(part.matrix.size * part.n for part in plans),
        kept=sum(int(np.sum(np.bitwise_count(one.part.packed), dtype=np.int64)) for one in done),
        distinct=_distinct(plans),
        distinct_kept=sum(_distinct_kept(one.part) for one in done),
        elapsed=time.perf_counter() - run.began,
        status=Status.FEASIBLE if unproven else Status.CERTIFIED,
        limit=run.limit,
        certificate=certificate,
    )


def _has_constant_neuron(target: Target, run: _Run) -> bool:
    return run.construction == "depth_plus_one" and any(target.biased[1:])


def _assemble(p: int, part: Plan, rows: dict[int, Found], seed: int) -> _Part:
    n_out, n_in = part.matrix.shape
    errors, codes = np.abs(part.matrix).copy(), np.full((n_out, n_in), UNPROVEN, np.int8)
    packed = np.zeros((n_out, n_in, (part.n + 7) // 8), np.uint8)
    coefficients = np.empty((n_out, 1 if part.shared else n_in, part.n))
    reach = np.empty((n_out, n_in))
    for row in range(n_out):
        coefficients[row] = part.coefficients(_row_seed(seed, p, row))
        candidates = part.candidates(coefficients[row])
        signed = candidates * np.where(part.matrix[row] < 0.0, -1.0, 1.0)[:, np.newaxis]
        reach[row] = np.sum(np.maximum(signed, 0.0), axis=1)
        if row in rows:
            found = rows[row]
            errors[row], codes[row] = found.errors, found.codes
            packed[row] = pack_integers(found.masks, part.n)
    return _Part(TicketPart(part.layer, part.kind, coefficients, part.factors, packed), errors, codes, reach)


def _weight_errors(plans: list[Plan], done: list[_Part]) -> tuple[Array, ...]:
    """One array per layer: of the two halves of a gadget the larger error."""
    layers: dict[int, Array] = {}
    for part, one in zip(plans, done, strict=True):
        if part.layer not in layers:
            layers[part.layer] = one.errors.copy()
        else:
            columns = one.errors.shape[1]
            layers[part.layer][:, :columns] = np.maximum(layers[part.layer][:, :columns], one.errors)
    return tuple(layers[k] for k in sorted(layers))


def _missed(plans: list[Plan], done: list[_Part], eps: float) -> Any:
    tables = []
    for part, one in zip(plans, done, strict=True):
        outputs, inputs = np.nonzero(one.errors > eps)
        table = np.zeros(len(outputs), MISSED)
        table["layer"], table["output"], table["input"] = part.layer, outputs, inputs
        for name, source in (("weight", part.matrix), ("error", one.errors), ("reach", one.reach)):
            table[name] = source[outputs, inputs]
        tables.append(table)
    return np.concatenate(tables)


def _distinct(plans: list[Plan]) -> int:
    """Second factors of all units, and first factors, those of both halves counted once."""
    total, seen = 0, set()
    for part in plans:
        n_out, n_in = part.matrix.shape
        if part.layer not in seen:
            per_weight = part.units
            total += n_out * (1 if part.shared else n_in) * per_weight + (0 if part.factors is None else n_in * per_weight)
        seen.add(part.layer)
    return total


def _distinct_kept(part: TicketPart) -> int:
    """Coefficients that some weight keeps, and first factors that some output uses."""
    merged = np.bitwise_or.reduce(part.packed, axis=1) if part.coefficients.shape[1] == 1 else part.packed
    kept = int(np.sum(np.bitwise_count(merged), dtype=np.int64))
    if part.factors is None:
        return kept
    return kept + int(np.sum(np.bitwise_count(np.bitwise_or.reduce(part.packed, axis=0)), dtype=np.int64))
