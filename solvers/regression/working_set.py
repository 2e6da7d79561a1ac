"""Which columns a solver looks at, and their Gram matrix, kept while it grows."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers._blas import matmul
from solvers.regression.block_sweep import Spectra, Spectrum
from solvers.regression.penalties import GroupKernel
from solvers.regression.problem import NOTHING, Problem
from solvers.regression.squared_problem import SquaredEvaluation, SquaredProblem
from solvers.regression.states import GramState, SampleState, State

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

_FIRST_SIZE = 64
_LARGE_GROUP = 8
"""Columns per group up to which a first working set holds as many groups as it would hold columns."""


def prefers_full_gram(problem: Problem, n_lams: int) -> bool:
    """Whether to form the whole Gram matrix: `Design.prefers_gram` knows what it costs."""
    return problem.design.prefers_gram(problem.n_targets, n_lams)


class FullGram:
    """All penalised columns, always; their Gram matrix is formed once.

    ``rough`` allows a cheaper matrix, for who corrects its errors; the attribute says whether it came to that.
    """

    def __init__(
        self,
        problem: SquaredProblem,
        penalised: Indices,
        free: Indices = NOTHING,
        *,
        rough: bool = False,
        labels: Indices | None = None,
    ) -> None:
        self.penalised = penalised
        self.spectra = None if labels is None else Spectra(labels)
        cheap = problem.design.rough_gram() if rough and len(free) == 0 else None
        self.rough = cheap is not None
        Q = problem.projected_gram(np.sort(penalised), free) if cheap is None else cheap
        self.Q = Q if labels is None else _arranged(Q, penalised)

    def start(self, B: Array, scores: Array, strong: float) -> Indices:
        """The columns to begin a new lam with."""
        return self.penalised

    def grow(self, chosen: Indices, scores: Array) -> Indices:
        """``chosen`` and the worst violators outside it."""
        return chosen

    def state(self, chosen: Indices, B: Array, at: SquaredEvaluation) -> State:
        """The minimisation on the chosen columns from ``B (n_features, n_targets)``, evaluated there from the data."""
        spectrum = None if self.spectra is None else self.spectra.on(chosen, lambda a, b: self.Q[a:b, a:b])
        return GramState(self.Q, B[chosen], at.gradient[chosen], at.projected_loss, spectrum)


class WorkingSets:
    """The support and the columns that violate their optimality condition most, at most doubling from round to round.

    The effective columns and their Gram matrix are cached as they come in, for all later rounds and the whole path.
    """

    def __init__(
        self,
        problem: Problem,
        penalised: Indices,
        free_basis: Array | None,
        always: Indices = NOTHING,
        labels: Indices | None = None,
    ) -> None:
        self.problem = problem
        self.labels = labels
        self.spectra = None if labels is None else Spectra(labels)
        self.first_size = _FIRST_SIZE if labels is None else _FIRST_SIZE * min(_LARGE_GROUP, int(np.bincount(labels).max()))
        self.penalised = penalised
        self.always = always
        self.free_basis = free_basis
        self.place = np.full(problem.n_features, -1)
        self.size = self.known = 0
        self.columns = np.empty((problem.design.shape[0], 0), order="F")
        self.Q = np.empty((0, 0))
        self._places_of_block, self._block = NOTHING, self.Q

    def start(self, B: Array, scores: Array, strong: float) -> Indices:
        """The support and the columns that pass the sequential strong rule, ``score >= strong``."""
        support = np.union1d(np.flatnonzero(B.any(axis=1) & (scores >= 0)), self.always)
        return self._whole(_with_best(support, scores, strong, max(self.first_size, 2 * len(support))))

    def grow(self, chosen: Indices, scores: Array) -> Indices:
        """Add the columns outside ``chosen`` with the largest scores above 1, at most as many as there are."""
        return self._whole(_with_best(chosen, scores, 1.0, max(self.first_size, len(chosen))))

    def _whole(self, chosen: Indices) -> Indices:
        """All columns of the groups that ``chosen`` touches, group by group."""
        return chosen if self.labels is None else by_group(np.isin(self.labels, self.labels[chosen]), self.labels)

    def state(self, chosen: Indices, B: Array, at: SquaredEvaluation) -> State:
        """The minimisation on the chosen columns: in their Gram matrix while they are few, else on the residual."""
        if self.spectra is None and len(chosen) > _COLUMNS_PER_SAMPLE * self.columns.shape[0]:
            return SampleState(self.matrix(chosen), B[chosen], at.residual.copy(), self.problem.design.total)
        Q = self.gram(chosen)
        return GramState(Q, B[chosen], at.gradient[chosen], at.projected_loss, self.spectrum(chosen, Q))

    def spectrum(self, chosen: Indices, Q: Array) -> Spectrum | None:
        """That of the blocks of ``Q``, the chosen columns' Gram matrix; None where each column is a group."""
        return None if self.spectra is None else self.spectra.on(chosen, lambda a, b: Q[a:b, a:b])

    def matrix(self, chosen: Indices) -> Array:
        """The effective columns, a fresh Fortran-ordered array (n_samples, len(chosen))."""
        places = self._places(chosen)
        return np.asfortranarray(self.columns[:, places])

    def gram(self, chosen: Indices) -> Array:
        """The Gram matrix of the effective columns; what is missing of it is computed."""
        return self._gram(self._places(chosen))

    def _places(self, chosen: Indices) -> Indices:
        new = chosen[self.place[chosen] < 0]
        if len(new):
            self._append(new)
        return self.place[chosen]

    def _append(self, new: Indices) -> None:
        block = self.problem.design.columns(new)
        if self.free_basis is not None:
            original = np.sum(block**2, axis=0)
            block -= matmul(self.free_basis, matmul(self.free_basis.T, block))
            block[:, np.sum(block**2, axis=0) <= _DEPENDENT * original] = 0.0
        old, size = self.size, self.size + len(new)
        if size > self.columns.shape[1]:
            columns = np.empty((self.columns.shape[0], _capacity(size, self.columns.shape[1])), order="F")
            columns[:, :old] = self.columns[:, :old]
            self.columns = columns
        self.columns[:, old:size] = block
        self.place[new] = np.arange(old, size)
        self.size = size

    def _gram(self, places: Indices) -> Array:
        """Gram matrix of the cached columns at ``places``; what is missing of it is computed for all up to the last."""
        old, size = self.known, int(places.max(initial=-1)) + 1
        if size > old:
            if size > len(self.Q):
                Q = np.empty((_capacity(size, len(self.Q)),) * 2)
                Q[:old, :old] = self.Q[:old, :old]
                self.Q = Q
            cross = matmul(self.columns[:, :size].T, self.columns[:, old:size]) / self.problem.design.total
            self.Q[:size, old:size] = cross
            self.Q[old:size, :old] = cross[:old].T
            self.known = size
        if not np.array_equal(places, self._places_of_block):
            self._places_of_block, self._block = places, self.Q[np.ix_(places, places)]
        return self._block


def _capacity(size: int, present: int) -> int:
    return max(size, 2 * present, 4 * _FIRST_SIZE)


_COLUMNS_PER_SAMPLE = 2
"""A sweep costs k^2 n_targets in the Gram matrix and 2 k n_samples n_targets on the residual."""

_DEPENDENT = 1e-24
"""A column whose squared length falls below this share when the unpenalised columns are projected out lies in their span."""


def by_group(mask: Mask, labels: Indices) -> Indices:
    """The columns in ``mask``, those of a group one after the other."""
    columns = np.flatnonzero(mask)
    return columns[np.argsort(labels[columns], kind="stable")]


def _arranged(Q: Array, order: Indices) -> Array:
    """The rows and columns of Q, which stand in increasing order of their columns, in the given one."""
    ranks = np.argsort(np.argsort(order))
    return Q[np.ix_(ranks, ranks)]


def scores_of(gradient: Array, kernel: GroupKernel) -> Array:
    """``||g_j|| / radius_j`` of each column's group: above 1 where a zero group violates its optimality condition.

    -1 for unpenalised columns. Without a norm every column with a gradient is to be looked at.
    """
    radii = np.maximum(kernel.radii, np.finfo(float).tiny)
    with np.errstate(over="ignore"):
        scores = kernel.spread(kernel.norms(gradient) / radii)[:, 0]
    return np.where(kernel.free, -1.0, scores)


def _with_best(chosen: Indices, scores: Array, threshold: float, at_most: int) -> Indices:
    outside = scores.copy()
    outside[chosen] = -1.0
    candidates = np.flatnonzero(outside >= threshold)
    if len(candidates) > at_most:
        candidates = candidates[np.argpartition(-outside[candidates], at_most - 1)[:at_most]]
    return np.union1d(chosen, candidates)
