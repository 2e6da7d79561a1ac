"""
Choosing lam
============

How strong should the penalty be? That depends on what it is for. Three answers on one path: the smallest held-out loss, the
fewest inputs within one standard error of it, and an information criterion that needs no held-out data. The data are planted,
so that the answers can be compared with the truth: 5 of 60 inputs matter.
"""

import matplotlib.pyplot as plt
import numpy as np

from solvers import GroupSparsityRegressorCV, solve_path

rng = np.random.default_rng(0)
n_samples, n_features, n_targets, n_true = 150, 60, 3, 5
X = rng.standard_normal((n_samples, n_features))
truth = np.zeros((n_targets, n_features))
truth[:, :n_true] = rng.standard_normal((n_targets, n_true))
Y = X @ truth.T + rng.standard_normal((n_samples, n_targets))

# %%
# Cross-validation follows one path in each of five folds, on the same grid of lam.
model = GroupSparsityRegressorCV(n_lams=40, lam_ratio=0.01, selection="min").fit(X, Y)
path = solve_path(X, Y, lams=model.lams_)

chosen = {
    "smallest held-out loss": path.fits[int(np.argmin(np.abs(path.lams - model.lam_min_)))],
    "one standard error": path.fits[int(np.argmin(np.abs(path.lams - model.lam_1se_)))],
    "EBIC": path.information_criteria().best("ebic"),
}

# %%
# The smallest held-out loss keeps inputs that are noise: a weak penalty shrinks the true ones less, and that is worth more to the
# prediction than the noise costs. Who wants to know *which* inputs matter asks for one of the others.
for rule, fit in chosen.items():
    wrong = int(np.sum(fit.support >= n_true))
    print(f"{rule:24} lam={fit.penalty.lam:.3f}  {len(fit.support):2} inputs, {wrong:2} of them noise")

figure, ax = plt.subplots(layout="constrained")
means, errors = model.losses_.mean(axis=1), model.losses_.std(axis=1) / 2.0
ax.errorbar(model.lams_, means, errors, fmt="o-", markersize=3, linewidth=0.8, label="held-out loss, standard error")
for colour, (rule, fit) in zip(("C1", "C2", "C3"), chosen.items(), strict=True):
    ax.axvline(fit.penalty.lam, color=colour, linestyle="--", label=f"{rule}: {len(fit.support)} inputs")
ax.set(xscale="log", xlabel=r"$\lambda$", ylabel="mean squared error, summed over targets")
ax.legend()
plt.show()
