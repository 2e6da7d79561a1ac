"""What Newton steps need of a penalty on its support: second derivatives, changes without cancellation, where groups vanish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

import numpy as np

from solvers.regression.newton import model_inverse, newton_direction, newton_direction_by_cg, newton_direction_by_targets
from solvers.regression.penalties import GroupKernel
from solvers.regression.rows import row_norms

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

_STIFF = 1e12
"""Relative to nothing: a curvature that holds an entry in place."""


class Curvature(Protocol):
    """A penalty near the non-zero rows ``W (k, n_targets)`` of the coefficients."""

    def on(self, support: Indices) -> Self:
        """The same for some of the rows."""
        ...

    def support(self, B: Array) -> Indices:
        """The rows of ``B (k, n_targets)`` that belong to non-zero groups."""
        ...

    def direction(self, Q: Array, W: Array, G: Array) -> Array | None:
        """Newton direction for the Gram matrix ``Q (k, k)`` and the loss's negative gradient ``G``; None where there is none."""
        ...

    def direction_by_cg(
        self, product: Callable[[Array], Array], curvatures: Array, W: Array, G: Array, most: int
    ) -> tuple[Array, bool] | None:
        """About the same from products ``Q V`` and the diagonal of Q, at most so many, and whether it is near enough."""
        ...

    def gradient(self, W: Array) -> Array:
        """The penalty's gradient."""
        ...

    def hessian(self, W: Array) -> Callable[[Array], Array]:
        """The product of the penalty's Hessian with ``V (k, n_targets)``; zero in entries that may not move."""
        ...

    def model_inverse(self, Q: Array, W: Array) -> Callable[[Array], Array] | None:
        """The inverse of a positive definite model of ``Q (x) I`` plus that Hessian."""
        ...

    def live(self, W: Array) -> Array | None:
        """Entries that may move, None for all."""
        ...

    def change(self, W: Array, step: Array) -> float:
        """What the penalty gains on the way from ``W`` to ``W + step``, to full relative accuracy."""
        ...

    def crossings(self, W: Array, direction: Array) -> Array:
        """Step lengths at which rows, shape (k, 1), or entries, (k, n_targets), reach zero; infinite where they never do."""
        ...

    def excess(self, W: Array, G: Array) -> float:
        """Largest distance of a row of ``G`` from the penalty's gradient, relative to that gradient."""
        ...


class GroupCurvature:
    """Group sparsity: ``sum_g radius_g ||W_g|| + ridge_g / 2 ||W_g||^2``."""

    def __init__(self, kernel: GroupKernel) -> None:
        self.kernel, self.radii, self.ridge = kernel, kernel.radii, kernel.ridge
        self.ridges = None if self.ridge is None else kernel.spread(self.ridge)

    def on(self, support: Indices) -> GroupCurvature:
        return GroupCurvature(self.kernel.on(support))

    def support(self, B: Array) -> Indices:
        return np.flatnonzero(self.kernel.spread(self.kernel.norms(B)))

    def direction(self, Q: Array, W: Array, G: Array) -> Array | None:
        return newton_direction(Q, W, G, self.radii, ridges=self.ridge, groups=self.kernel)

    def direction_by_cg(
        self, product: Callable[[Array], Array], curvatures: Array, W: Array, G: Array, most: int
    ) -> tuple[Array, bool] | None:
        return newton_direction_by_cg(product, curvatures, W, G, self.radii, self.ridge, self.kernel, most=most)

    def gradient(self, W: Array) -> Array:
        gradient = self._slopes(W) * W
        return gradient if self.ridges is None else gradient + self.ridges * W

    def hessian(self, W: Array) -> Callable[[Array], Array]:
        d, U, kernel, ridges = self._slopes(W), W / self._lengths(W), self.kernel, self.ridges

        def product(V: Array) -> Array:
            image = d * (V - kernel.spread(kernel.sums(np.sum(U * V, axis=1))) * U)
            return image if ridges is None else image + ridges * V

        return product

    def model_inverse(self, Q: Array, W: Array) -> Callable[[Array], Array] | None:
        ridged = Q if self.ridges is None else Q + np.diag(self.ridges[:, 0])
        return model_inverse(ridged, self._slopes(W)[:, 0], W / self._lengths(W), self.kernel)

    def live(self, W: Array) -> Array | None:
        return None

    def change(self, W: Array, step: Array) -> float:
        """Sum of ``||w + d|| - ||w|| = <2w + d, d> / (||w + d|| + ||w||)``."""
        kernel = self.kernel
        squares = kernel.sums(np.sum((2.0 * W + step) * step, axis=1))
        change = float(np.sum(self.radii * squares / (kernel.norms(W + step) + kernel.norms(W))))
        return change if self.ridge is None else change + 0.5 * float(np.sum(self.ridge * squares))

    def crossings(self, W: Array, direction: Array) -> Array:
        kernel = self.kernel
        towards, squares = kernel.sums(np.sum(W * direction, axis=1)), kernel.sums(np.sum(W * W, axis=1))
        crossings = np.divide(-squares, towards, out=np.full_like(towards, np.inf), where=(towards < 0) & (self.radii > 0))
        return kernel.spread(crossings)

    def excess(self, W: Array, G: Array) -> float:
        residual, slopes = self.kernel.norms(G - self.gradient(W)), self.radii
        if self.ridge is not None:
            slopes = slopes + self.ridge * self.kernel.norms(W)
        return float(np.max(np.divide(residual, slopes, out=np.full_like(residual, np.inf), where=slopes > 0)))

    def _lengths(self, W: Array) -> Array:
        return self.kernel.spread(self.kernel.norms(W))

    def _slopes(self, W: Array) -> Array:
        return self.kernel.spread(self.radii) / self._lengths(W)


class BridgeCurvature:
    """``sum_j mu_j ||W_j||_p^q``, ``q = p / (p + 1)``.

    With ``s = sum_t |w_t|^p`` and ``c = mu / (p + 1) s^(-q)`` a row has gradient ``c v``, ``v_t = p |w_t|^(p-1) sign(w_t)``, and
    Hessian ``diag(c p (p-1) |w_t|^(p-2)) - (q c / s) v v'``. Entries that are zero stay zero where p <= 1.
    """

    def __init__(self, mu: Array, p: float) -> None:
        self.mu, self.p, self.q = mu, p, p / (p + 1.0)

    def on(self, support: Indices) -> BridgeCurvature:
        return BridgeCurvature(self.mu[support], self.p)

    def support(self, B: Array) -> Indices:
        return np.flatnonzero(B.any(axis=1))

    def direction(self, Q: Array, W: Array, G: Array) -> Array | None:
        with np.errstate(all="ignore"):
            step = self._direction(Q, W, G)
        return step if step is not None and np.all(np.isfinite(step)) else None

    def _direction(self, Q: Array, W: Array, G: Array) -> Array | None:
        if self._is_radial(W):
            return newton_direction(Q, W, G, self._radial_slopes(W), bend=2.0 - self.q)
        live = W != 0 if self.p <= 1.0 else np.ones_like(W, dtype=bool)
        v, c, s = self._slopes(W)
        diagonal = c * (self.p * (self.p - 1.0)) * np.abs(W) ** (self.p - 2.0)
        # A zero entry is infinitely curved for 1 < p < 2: a finite curvature far above all others holds it as well.
        ceiling = 1e12 * max(float(np.max(np.diag(Q))), np.finfo(float).tiny)
        diagonal = np.nan_to_num(diagonal, nan=0.0, posinf=ceiling).clip(-ceiling, ceiling)
        return newton_direction_by_targets(Q, live, diagonal, np.sqrt(self.q * c / s) * v, G - c * v)

    def direction_by_cg(
        self, product: Callable[[Array], Array], curvatures: Array, W: Array, G: Array, most: int
    ) -> tuple[Array, bool] | None:
        """None: supports beyond twice the number of samples are met on the way only, and sweeps reduce them."""
        return None

    def gradient(self, W: Array) -> Array:
        v, c, _ = self._slopes(W)
        return c * v

    def hessian(self, W: Array) -> Callable[[Array], Array]:
        if self._is_radial(W):
            return norm_hessian(self._radial_slopes(W) / row_norms(W), W, 2.0 - self.q)
        v, c, s = self._slopes(W)
        diagonal, factor = self._diagonal(W, c), self.q * c / s
        live = self.live(W)

        def product(V: Array) -> Array:
            image = diagonal * V - factor * np.sum(v * V, axis=1, keepdims=True) * v
            return image if live is None else np.where(live, image, 0.0)

        return product

    def model_inverse(self, Q: Array, W: Array) -> Callable[[Array], Array] | None:
        """That of a norm where the penalty is one of the length of w; else without what is concave."""
        norms = row_norms(W)
        if self._is_radial(W):
            return model_inverse(Q, self._radial_slopes(W) / norms, W / norms[:, np.newaxis])
        diagonal = np.maximum(self._diagonal(W, self._slopes(W)[1]), 0.0)
        return model_inverse(Q, np.median(diagonal, axis=1), np.zeros_like(W))

    def live(self, W: Array) -> Array | None:
        return W != 0 if self.p <= 1.0 and not self._is_radial(W) else None

    def _is_radial(self, W: Array) -> bool:
        """Whether the penalty is a function of the length of w: with one target for every p."""
        return self.p == 2.0 or W.shape[1] == 1

    def _radial_slopes(self, W: Array) -> Array:
        return self.mu * self.q * row_norms(W) ** (self.q - 1.0)

    def _diagonal(self, W: Array, c: Array) -> Array:
        with np.errstate(all="ignore"):
            diagonal = c * (self.p * (self.p - 1.0)) * np.abs(W) ** (self.p - 2.0)
        return np.nan_to_num(diagonal, nan=0.0, posinf=_STIFF, neginf=-_STIFF).clip(-_STIFF, _STIFF)

    def change(self, W: Array, step: Array) -> float:
        """From the relative growth of ``s``, as ``phi(w) expm1(log1p(growth) / (p + 1))``."""
        p = self.p
        _, _, s = self._slopes(W)
        with np.errstate(all="ignore"):
            if p == 2.0:
                growth = np.sum((2.0 * W + step) * step, axis=1) / s[:, 0]
            else:
                ratio = step / W
                logs = np.where(ratio > -1.0, np.log1p(ratio), np.log(np.abs(1.0 + ratio)))
                powers = np.abs(W) ** p * np.expm1(p * logs)
                growth = np.sum(np.where(W == 0, np.abs(step) ** p, powers), axis=1) / s[:, 0]
            factors = np.expm1(np.log1p(np.maximum(growth, -1.0)) / (p + 1.0))
        return float(np.sum(self.mu * s[:, 0] ** (1.0 / (p + 1.0)) * factors))

    def crossings(self, W: Array, direction: Array) -> Array:
        if self.p > 1.0:
            return row_crossings(W, direction)
        towards = W * direction < 0
        return np.divide(-W, direction, out=np.full_like(W, np.inf), where=towards)

    def excess(self, W: Array, G: Array) -> float:
        v, c, _ = self._slopes(W)
        residual = G - c * v
        if self.p <= 1.0:
            residual = np.where(W != 0, residual, 0.0)
        with np.errstate(all="ignore"):
            return float(np.max(row_norms(residual) / row_norms(c * v)))

    def _slopes(self, W: Array) -> tuple[Array, Array, Array]:
        """``v``, ``c`` and ``s``, the last two of shape (k, 1)."""
        sizes = np.abs(W)
        # A start may be absurdly large: steps from there come out infinite and are refused.
        with np.errstate(all="ignore"):
            v = np.where(W != 0, self.p * sizes ** (self.p - 1.0), 0.0) * np.sign(W)
            s = np.sum(sizes**self.p, axis=1, keepdims=True)
            return v, self.mu[:, np.newaxis] / (self.p + 1.0) * s**-self.q, s


def norm_hessian(slopes: Array, W: Array, bend: float) -> Callable[[Array], Array]:
    """Products with ``blockdiag( d_j (I - bend u_j u_j') )``, ``u_j = w_j / ||w_j||``."""
    d, U = slopes[:, np.newaxis], W / row_norms(W)[:, np.newaxis]
    return lambda V: d * (V - bend * np.sum(U * V, axis=1, keepdims=True) * U)


def row_crossings(W: Array, direction: Array) -> Array:
    """Lengths at which ``<w + length d, w> = 0``, shape (k, 1)."""
    towards = np.sum(W * direction, axis=1, keepdims=True)
    squares = np.sum(W * W, axis=1, keepdims=True)
    return np.divide(-squares, towards, out=np.full_like(towards, np.inf), where=towards < 0)
