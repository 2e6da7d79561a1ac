"""
Loss against sparsity
=====================

A penalty buys sparsity with loss. The curve of one against the other is what a penalty is worth, whatever its lam is measured
in: to the right and below is better. Group sparsity, the same inputs refitted without a penalty, and regularised ShrinkNet, which
is not convex and may choose other inputs.
"""

import matplotlib.pyplot as plt
import numpy as np

from solvers import RegularizedShrinkNet, plot_loss, solve_path

rng = np.random.default_rng(1)
n_samples, n_features, n_targets = 200, 40, 4
factors = rng.standard_normal((n_samples, 8))
X = factors @ rng.standard_normal((8, n_features)) + rng.standard_normal((n_samples, n_features))
truth = np.zeros((n_targets, n_features))
truth[:, :6] = rng.standard_normal((n_targets, 6))
Y = X @ truth.T + rng.standard_normal((n_samples, n_targets))

# %%
convex = solve_path(X, Y, n_lams=30)
refitted = convex.relaxed()
concave = solve_path(X, Y, RegularizedShrinkNet(1.0, 1.0), n_lams=30)

figure, ax = plt.subplots(layout="constrained")
plot_loss(convex, ax, label="group sparsity")
plot_loss(refitted, ax, label="group sparsity, refitted")
plot_loss(concave, ax, label="regularised ShrinkNet")
ax.set_yscale("log")
ax.legend()


# %%
# The loss that each needs to get by with at most six inputs, which is how many the data were made with. A refit undoes the
# shrinkage of the inputs that are kept; it cannot bring in one that was left out.
def smallest_loss(path, n_inputs):
    """The smallest loss among the fits with at most so many inputs, relative to no inputs."""
    return min(fit.loss / fit.null_loss for fit in path.fits if len(fit.support) <= n_inputs)


at_six = {name: smallest_loss(path, 6) for name, path in (("convex", convex), ("refitted", refitted), ("concave", concave))}
for name, loss in at_six.items():
    print(f"{name:9} loss with at most 6 inputs: {loss:.4f} of that without inputs")
plt.show()
