"""
What goes wrong without lam2
============================

ShrinkNet writes the coefficients as ``A diag(beta)`` and penalises ``beta`` alone. Then ``A`` can grow while ``beta`` vanishes:
the same predictions at any fraction of the price. The objective has an infimum, the loss without any penalty, and no minimiser;
whoever descends it sees ``beta`` shrink for ever and takes that for sparsity. The penalty ``lam2 ||A||^2`` puts an end to it.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from solvers import ConvergenceWarning, RegularizedShrinkNet, ShrinkNet, solve

rng = np.random.default_rng(0)
X = rng.standard_normal((100, 10))
Y = X[:, :3] @ rng.standard_normal((3, 2)) + 0.5 * rng.standard_normal((100, 2))

# %%
# The solver does not pretend: it returns the infimum, and a warning that says what to use instead.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", ConvergenceWarning)
    free = solve(X, Y, ShrinkNet(0.1))
print(f"{free.status}: infimum {free.infimum:.6f} = loss {free.loss:.6f}; all {len(free.support)} inputs in use")
print(f"warned: {caught[0].message}")


# %%
# The sequence that leads there: at each step the predictions are the same, beta is shorter, A is longer, the objective lower. Any
# threshold on beta will be passed sooner or later: what it then removes is a matter of when one looks.
def loss_of(A, beta):
    """The squared loss with the fit's intercept."""
    return 0.5 * float(np.mean(np.sum((Y - X @ (A * beta).T - free.intercept) ** 2, axis=1)))


times = np.geomspace(1.0, 1e-6, 25)
sequence = [free.minimising_sequence(t) for t in times]
objectives = np.array([loss_of(A, beta) + 0.1 * np.sum(np.abs(beta)) for A, beta in sequence])
below = [int(np.sum(np.abs(beta) < 1e-3)) for _, beta in sequence]
print(
    f"\nobjective from {objectives[0]:.3f} to {objectives[-1]:.6f}; 'inputs' with beta below 1e-3: from {below[0]} to {below[-1]}"
)

# %%
# With lam2 there is a minimiser, and inputs that are removed are exactly zero.
kept = solve(X, Y, RegularizedShrinkNet(0.1, 0.01))
print(f"with lam2: {kept.status}, {len(kept.support)} inputs, objective {kept.objective:.3f}")

figure, ax = plt.subplots(layout="constrained")
ax.semilogx(1.0 / times, objectives - free.infimum, label="objective above its infimum")
ax.semilogx(1.0 / times, [np.linalg.norm(beta) for _, beta in sequence], label=r"$\|\beta\|$")
ax.set(yscale="log", xlabel="factor by which A has grown", title="Without lam2: no end to it")
ax.legend()
plt.show()
