"""Newton steps on the support, safeguarded: the objective never rises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from solvers.regression.curvature import Curvature
from solvers.regression.states import Indices, State

Array = np.ndarray[Any, np.dtype[np.float64]]

_HALVINGS = 20


def polish(state: State, curvature: Curvature) -> None:
    """Up to ``state.polish_steps`` safeguarded Newton steps on the support of ``state.B``."""
    for _ in range(state.polish_steps):
        support = curvature.support(state.B)
        if len(support) == 0 or not _newton_step(state, support, curvature.on(support)):
            return


def _newton_step(state: State, support: Indices, curvature: Curvature) -> bool:
    """One Newton step with line search on the support; True where another is worth trying.

    What the step carries across zero is dropped: the penalty has no second-order model there.
    """
    direction = state.newton_direction(support, curvature)
    if direction is None:
        return False
    dropped = _line_search(state, support, curvature, direction)
    if dropped is None:
        return False
    return dropped or curvature.excess(state.B[support], state.G[support]) > state.polished


def _line_search(state: State, support: Indices, curvature: Curvature, direction: Array) -> bool | None:
    """Shorten the step until the objective does not rise and take it: whether anything became zero; None if no step was taken.

    Changes are summed from differences, so that they keep their sign down to the last digits; comparing two objectives would
    stop the polish at 1e-16 of their size.
    """
    W = state.B[support]
    crossings = curvature.crossings(W, direction)
    for length in _trial_lengths(crossings.ravel()):
        dropped = crossings <= length
        target = np.where(dropped, 0.0, W + length * direction)
        step = target - W
        image = state.image(support, step)
        if state.loss_change(support, step, image) + curvature.change(W, step) <= 0.0:
            state.move(support, step, image)
            return bool(np.any(dropped))
    return None


def _trial_lengths(crossings: Array) -> Iterator[float]:
    """Step lengths to try: 1, then lengths at which half, a quarter, ... of the crossing groups reach zero, then halves.

    Where the Hessian is singular the direction is as long as its ridge is small, and only the crossings know the scale: along
    a flat direction the objective falls up to the first of them.
    """
    yield 1.0
    ends = np.sort(crossings[crossings < 1.0])
    count = len(ends) // 2
    length = 1.0
    while len(ends):
        length = float(ends[count])
        yield length
        if count == 0:
            break
        count //= 2
    for halvings in range(_HALVINGS):
        # What is still too long after some halvings is a step along a flat direction, many orders of magnitude so.
        length *= 0.5 if halvings < _HALVINGS // 2 else 0.1
        yield length
