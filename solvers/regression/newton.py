"""The exact Newton direction of least squares plus functions of group norms, by two k x k factorisations.

On a support of k non-zero groups ``w_j`` (rows of ``W (k, n_targets)``) with unit rows ``u_j = w_j / ||w_j||`` the objective is
smooth. For a penalty ``sum_j phi_j(||w_j||)`` its Hessian is

    H = Q (x) I + blockdiag( d_j (I - bend u_j u_j') ),      d_j = phi_j' / ||w_j||,    bend = 1 - phi_j'' / d_j,

``bend = 1`` for a norm and above 1 for a concave function of it. H has k n_targets rows, yet needs no iterative solver: with
``M = Q + diag(d)`` it is ``H = M (x) I - bend V diag(d) V'``, where the k columns of V are ``e_j (x) u_j``. The Woodbury identity
leaves the k x k matrix ``diag(1 / (bend d)) - V' (M (x) I)^{-1} V``, in which the entries of the second term are
``(M^{-1})_ij <u_i, u_j>``: a Hadamard product. Exact steps cost O(k^3 + k^2 n_targets).

For groups of several rows ``d`` is the same within a group, and a column of V holds the unit vector of a whole group: the entries
are sums of that Hadamard product over blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from solvers._blas import cholesky, cholesky_inverse, cholesky_solve, matmul, upper_matmul
from solvers.regression.rows import ROWS, Partition

Array = np.ndarray[Any, np.dtype[np.float64]]

_RIDGES = (0.0, *(10.0**power for power in range(-13, -2, 2)))
"""Relative to the unit diagonal: a singular Hessian needs rounding errors covered, no more."""

_RIDGES_OF_BLOCKS = (0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 0.1, 1.0)
"""Relative to the largest curvatures, for a Hessian that may be indefinite in any direction."""

_RIDGES_OF_CONCAVE = (0.0, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0)
"""An indefinite Hessian needs up to ``1 - 1 / bend`` more on the diagonal, with which it is that of a norm."""

_LOOSEST_FORCING = 0.1
_FLAT = 1e-12


def newton_direction(
    Q: Array,
    W: Array,
    G: Array,
    slopes: Array,
    bend: float = 1.0,
    ridges: Array | None = None,
    groups: Partition = ROWS,
) -> Array | None:
    """Solve ``H D = G - diag(d + ridges) W`` for the Newton direction ``D (k, n_targets)``.

    Everything is scaled by ``e^{-1/2}``, ``e = d + ridges``, from both sides, which makes ``M~ = I + diag(e^{-1/2}) Q
    diag(e^{-1/2})`` and the capacitance matrix ``C = I / bend - M~^{-1} o (V V')``, ``v_j = sqrt(d_j / e_j) u_j``.

    Parameters
    ----------
    Q : (k, k)
        Gram matrix of the support.
    W, G : (k, n_targets)
        Non-zero groups and the negative gradient of the loss in them.
    slopes : (n_groups,)
        ``phi_j'(||w_j||) > 0``; for group norms ``lam w_j``.
    bend : float
        ``1 - phi_j'' / d_j``, common to all groups.
    ridges : (n_groups,) or None
        Curvatures ``>= 0`` of a ridge that H has on its diagonal; where it is positive ``phi_j'`` may be 0.
    groups : Partition
        The rows of each group, each row one unless told otherwise.

    Returns
    -------
    ndarray (k, n_targets) or None
        None where rounding leaves no positive definite model. Where H is singular (duplicate columns) or indefinite (a concave
        penalty) the smallest of some ridges on C picks a descent direction.
    """
    norms = groups.norms(W)
    U = V = W / groups.spread(norms)
    stiffness, gap = slopes, G - groups.spread(slopes) * U
    if ridges is not None:
        stiffness, gap = slopes + ridges * norms, gap - groups.spread(ridges) * W
        V = groups.spread(np.sqrt(slopes / stiffness)) * U
    scale = groups.spread(np.sqrt(norms / stiffness))
    M = Q * scale
    M *= scale.T
    M.flat[:: len(M) + 1] += 1.0
    factor = cholesky(M)
    if factor is None:
        return None
    inverse = cholesky_inverse(factor)
    base = upper_matmul(inverse, scale * gap)
    coupling = matmul(V, V.T)
    coupling *= inverse
    np.negative(coupling, out=coupling)
    correction = _solve_capacitance(groups.block_sums(coupling), groups.sums(np.sum(V * base, axis=1)), 1.0 / bend)
    if correction is None:
        return None
    return scale * (base + upper_matmul(inverse, groups.spread(correction) * V))


def _solve_capacitance(coupling: Array, rhs: Array, diagonal: float = 1.0) -> Array | None:
    """Solve ``(diagonal I + coupling) t = rhs``, adding the smallest ridge of a series that makes it positive definite."""
    factor = _factor_capacitance(coupling, diagonal)
    return None if factor is None else cholesky_solve(factor, rhs)


def _factor_capacitance(coupling: Array, diagonal: float) -> Array | None:
    for ridge in _RIDGES if diagonal == 1.0 else _RIDGES_OF_CONCAVE:
        C = coupling.copy()
        C.flat[:: len(C) + 1] += diagonal + ridge
        factor = cholesky(C)
        if factor is not None:
            return factor
    return None


def newton_direction_by_targets(Q: Array, live: Array, diagonal: Array, V: Array, rhs: Array) -> Array | None:
    """Solve ``H D = rhs`` for penalties whose rows have Hessians ``diag(diagonal_j) - v_j v_j'``.

    ``H = blockdiag_t(M_t) - sum_j v_j v_j'`` with one matrix ``M_t = Q + diag(diagonal_t)`` per target, restricted to the rows
    that are live in it; the capacitance matrix is ``I - sum_t M_t^{-1} o (v_t v_t')``. O(n_targets k^3). Where H is not positive
    definite the smallest of some ridges on it gives a descent direction.

    Parameters
    ----------
    Q : (k, k)
        Gram matrix of the support.
    live : (k, n_targets) bool
        Entries that may move; D is zero elsewhere.
    diagonal, V, rhs : (k, n_targets)
        As above.
    """
    size = float(np.max(np.abs(np.diag(Q)))) + float(np.max(np.sum(V * V, axis=1)))
    for ridge in _RIDGES_OF_BLOCKS:
        direction = _ridged(Q, live, diagonal + ridge * size, V, rhs)
        if direction is not None:
            return direction
    return None


def _ridged(Q: Array, live: Array, diagonal: Array, V: Array, rhs: Array) -> Array | None:
    """The direction if the Hessian is positive definite, else None."""
    k, n_targets = V.shape
    inverses, base, coupling = [], np.zeros_like(V), np.zeros((k, k))
    for t in range(n_targets):
        rows = np.flatnonzero(live[:, t])
        if len(rows) == 0:
            continue
        M = Q[np.ix_(rows, rows)]
        M.flat[:: len(M) + 1] += diagonal[rows, t]
        factor = cholesky(M)
        if factor is None:
            return None
        inverse = cholesky_inverse(factor)
        inverses.append((t, rows, inverse))
        base[rows, t] = upper_matmul(inverse, rhs[rows, t, np.newaxis])[:, 0]
        coupling[np.ix_(rows, rows)] -= inverse * np.outer(V[rows, t], V[rows, t])
    C = coupling
    C.flat[:: len(C) + 1] += 1.0
    factor = cholesky(C)
    if factor is None:
        return None
    correction = cholesky_solve(factor, np.sum(V * base, axis=1))
    for t, rows, inverse in inverses:
        base[rows, t] += upper_matmul(inverse, (correction[rows] * V[rows, t])[:, np.newaxis])[:, 0]
    return base


def model_inverse(Q: Array, slopes: Array, U: Array, groups: Partition = ROWS) -> Callable[[Array], Array] | None:
    """The inverse of ``H = Q (x) I + blockdiag( d_j (I - u_j u_j') )`` as a function of the right-hand side ``(k, n_targets)``.

    The identities of the module's docstring, scaled to a unit diagonal, for rows with ``d_j = 0`` too.

    Parameters
    ----------
    Q : (k, k)
        Gram matrix of the support.
    slopes : (k,)
        ``d_j >= 0``.
    U : (k, n_targets)
        Unit groups, or zero rows for blocks ``d_j I``.
    groups : Partition
        The rows of each group; ``d_j`` is given for each row, the same within a group.
    """
    curvatures = np.diag(Q) + slopes
    scale = np.divide(1.0, np.sqrt(curvatures), out=np.zeros_like(curvatures), where=curvatures > 0)[:, np.newaxis]
    M = Q * scale
    M *= scale.T
    M.flat[:: len(M) + 1] = 1.0 + _RIDGES[1]
    factor = cholesky(M)
    if factor is None:
        return None
    inverse = cholesky_inverse(factor)
    V = U * (np.sqrt(slopes)[:, np.newaxis] * scale)
    coupling = matmul(V, V.T)
    coupling *= inverse
    np.negative(coupling, out=coupling)
    capacitance = _factor_capacitance(groups.block_sums(coupling), 1.0)
    if capacitance is None:
        return None

    def apply(rhs: Array) -> Array:
        base = upper_matmul(inverse, scale * rhs)
        correction = cholesky_solve(capacitance, groups.sums(np.sum(V * base, axis=1)))
        return scale * (base + upper_matmul(inverse, groups.spread(correction) * V))

    return apply


def newton_direction_by_cg(
    product: Callable[[Array], Array],
    curvatures: Array,
    W: Array,
    G: Array,
    radii: Array,
    ridges: Array | None = None,
    groups: Partition = ROWS,
    *,
    most: int,
) -> tuple[Array, bool]:
    """About the direction of `newton_direction`, without a factorisation, and whether it is as near as asked for.

    Conjugate gradients on ``H~ = e^{-1/2} Q e^{-1/2} (x) I + blockdiag(I - b_j u_j u_j')``, ``e = d + ridges``, ``b = d / e``,
    preconditioned by the same with the diagonal of Q in its place: blocks ``D - b u u'``, inverted by the formula of Sherman and
    Morrison. The relative residual asked for falls with the distance from stationarity, so that Newton's method converges faster
    than linearly; after ``most`` iterations the direction is taken as it is.

    Parameters
    ----------
    product : callable
        ``V -> Q V`` for ``V (k, n_targets)``.
    curvatures : (k,)
        The diagonal of Q, all positive.
    W, G, radii, ridges, groups
        As in `newton_direction`; ``radii`` are its slopes.
    """
    norms = groups.norms(W)
    U = W / groups.spread(norms)
    ridge = np.zeros_like(norms) if ridges is None else ridges
    stiffness = radii + ridge * norms
    scale, share = groups.spread(np.sqrt(norms / stiffness)), groups.spread(radii / stiffness)
    diagonal = 1.0 + curvatures[:, np.newaxis] * scale**2
    along = 1.0 - share * groups.spread(groups.sums(np.sum(U * U / diagonal, axis=1)))
    gap = G - groups.spread(radii) * U - groups.spread(ridge) * W

    def radial(V: Array) -> Array:
        return share * groups.spread(groups.sums(np.sum(U * V, axis=1))) * U

    def hessian(V: Array) -> Array:
        return scale * product(scale * V) + V - radial(V)

    def precondition(V: Array) -> Array:
        across = V / diagonal
        return across + radial(across) / along / diagonal

    forcing = min(_LOOSEST_FORCING, float(np.max(groups.norms(gap) / stiffness)))
    direction, found = conjugate_gradients(hessian, precondition, scale * gap, forcing, most)
    return scale * direction, found


def conjugate_gradients(
    operator: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    rhs: Array,
    forcing: float,
    most: int,
) -> tuple[Array, bool]:
    """Solve ``operator(x) = rhs`` until the preconditioned residual has shrunk by ``forcing``; every iterate is a descent.

    Returns the last iterate and whether it did; along flat directions and downhill ones it counts as done.
    """
    x, r = np.zeros_like(rhs), rhs.copy()
    z = precondition(r)
    p, rz = z, float(np.sum(r * z))
    goal = forcing**2 * rz
    for _ in range(most):
        image = operator(p)
        curvature = float(np.sum(p * image))
        # Along a flat direction the objective falls until a group reaches zero: the line search finds where, given a long step.
        size = float(np.sum(p * p))
        if curvature < -_FLAT * size:
            return (x if x.any() else p), True
        if curvature <= _FLAT * size:
            return p / _FLAT, True
        x = x + rz / curvature * p
        r = r - rz / curvature * image
        z = precondition(r)
        rz, previous = float(np.sum(r * z)), rz
        if rz <= goal:
            return x, True
        p = z + rz / previous * p
    return x, False
