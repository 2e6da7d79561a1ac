"""
Adding a penalty of your own
============================

A penalty is a frozen dataclass, a tuple of numbers for compiled code, and three functions: its value, its proximal operator, and
the distance from its subdifferential. `check_penalty` tells whether the three belong together, before a solver gives a wrong
answer slowly. Here: the sum of absolute values, which removes single entries instead of whole inputs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from solvers import GroupSparsity, Penalty, check_penalty, implements, prox, solve, subdiff_distance, value


class LassoKernel(NamedTuple):
    """What compiled code is given."""

    lam: float


class HastyKernel(NamedTuple):
    """The same for a first try."""

    lam: float


@dataclass(frozen=True)
class Lasso(Penalty):
    """``lam sum_tj |A_tj|``."""

    lam: float

    def kernel(self, n_features):
        """The numbers, whatever the number of inputs."""
        return LassoKernel(float(self.lam))


@dataclass(frozen=True)
class HastyLasso(Lasso):
    """The same, with a mistake."""

    def kernel(self, n_features):
        """The numbers, whatever the number of inputs."""
        return HastyKernel(float(self.lam))


# %%
# The operations work on one column ``w`` of the coefficients. They are plain Python, compiled when a solver needs them.
@implements(value, HastyKernel)
@implements(value, LassoKernel)
def lasso_value(penalty, w, j):
    """``lam ||w||_1``."""
    return penalty.lam * np.abs(w).sum()


@implements(subdiff_distance, HastyKernel)
@implements(subdiff_distance, LassoKernel)
def lasso_distance(penalty, w, g, j):
    """``lam sign(w_t)`` where ``w_t`` is not zero, else the interval ``[-lam, lam]``."""
    total = 0.0
    for t in range(len(w)):
        total += (max(abs(g[t]) - penalty.lam, 0.0) if w[t] == 0.0 else g[t] - penalty.lam * np.sign(w[t])) ** 2
    return total**0.5


@implements(prox, LassoKernel)
def lasso_prox(penalty, z, step, j, out):
    """Soft-thresholding at ``step lam``."""
    for t in range(len(z)):
        out[t] = np.sign(z[t]) * max(abs(z[t]) - step * penalty.lam, 0.0)


@implements(prox, HastyKernel)
def hasty_prox(penalty, z, step, j, out):
    """Soft-thresholding at ``lam``: the step is forgotten."""
    for t in range(len(z)):
        out[t] = np.sign(z[t]) * max(abs(z[t]) - penalty.lam, 0.0)


# %%
# With columns of unit variance every step is 1, and the mistake would go unnoticed. The checker finds it, and says where.
wrong = check_penalty(HastyLasso(0.3))
print(wrong)
right = check_penalty(Lasso(0.3), degree=1)
print()
print(right)

# %%
# `solve` minimises it by block-coordinate descent and certifies that the answer is stationary; this penalty is convex, so that is
# a global minimum.
rng = np.random.default_rng(0)
X = rng.standard_normal((120, 20))
truth = np.zeros((5, 20))
truth[rng.integers(0, 5, 12), rng.integers(0, 8, 12)] = rng.choice([-1.0, 1.0], 12)
Y = X @ truth.T + 0.5 * rng.standard_normal((120, 5))
fits = {
    "truth": truth,
    "a penalty of one's own": solve(X, Y, Lasso(0.1)).coef,
    "GroupSparsity": solve(X, Y, GroupSparsity(0.1)).coef,
}

figure, axes = plt.subplots(3, 1, layout="constrained", sharex=True)
for ax, (name, coef) in zip(axes, fits.items(), strict=True):
    ax.imshow(coef, cmap="RdBu", vmin=-1, vmax=1)
    ax.set_title(f"{name}: {np.count_nonzero(coef)} entries, {np.count_nonzero(coef.any(axis=0))} inputs", fontsize="small")
plt.show()
