"""
The bias of survivors
=====================

A penalty that removes inputs also shrinks those that stay. By how much, under the three penalties of the draft? The columns of X
are orthonormal here, so that each input is treated on its own and the shrinkage can be read off: group sparsity takes the same
length off every column; ShrinkNet with columns of unit length is the same penalty in other words; regularised ShrinkNet takes
little off long columns and all off short ones.
"""

import matplotlib.pyplot as plt
import numpy as np

from solvers import GroupSparsity, RegularizedShrinkNet, ShrinkNet, solve

rng = np.random.default_rng(0)
n_samples, n_features, n_targets = 100, 30, 4
X = np.linalg.qr(rng.standard_normal((n_samples, n_features)))[0] * np.sqrt(n_samples)
directions = rng.standard_normal((n_targets, n_features))
lengths = np.linspace(0.0, 3.0, n_features)
truth = directions / np.linalg.norm(directions, axis=0) * lengths
Y = X @ truth.T

# %%
# Each penalty at the strength that removes columns up to a length of 1. For regularised ShrinkNet the longest column that is
# removed has length ``2 (2 mu / 3)^(3/4)``: its proximal operator jumps there.
longest_removed = 1.0
mu = 1.5 * (longest_removed / 2.0) ** (4.0 / 3.0)
unit = RegularizedShrinkNet(1.0, 1.0)
penalties = {
    "group sparsity": GroupSparsity(longest_removed),
    "ShrinkNet, unit columns": ShrinkNet(longest_removed, unit_columns=True),
    "regularised ShrinkNet": RegularizedShrinkNet(unit.lam_of(mu), 1.0),
}
fits = {name: solve(X, Y, penalty, fit_intercept=False) for name, penalty in penalties.items()}

# %%
figure, ax = plt.subplots(layout="constrained")
ax.plot(lengths, lengths, color="0.7", label="no bias")
for (name, fit), marker in zip(fits.items(), ("o", "+", "s"), strict=True):
    ax.plot(lengths, np.linalg.norm(fit.coef, axis=0), marker, fillstyle="none", label=name)
ax.set(xlabel="true length of an input's coefficients", ylabel="fitted length")
ax.legend()

bias = {name: lengths - np.linalg.norm(fit.coef, axis=0) for name, fit in fits.items()}
for name, fit in fits.items():
    first, last = fit.support[0], fit.support[-1]
    print(
        f"{name:24} {len(fit.support)} survivors; the shortest lost {bias[name][first]:.2f}, the longest {bias[name][last]:.2f}"
    )
plt.show()
