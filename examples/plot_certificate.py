"""
Reading a certificate
=====================

Every answer says how good it provably is. ``certificate.upper`` is the objective of the answer, ``lower`` a bound that no
coefficients can go below, and ``gap`` their difference relative to the loss of the model without inputs. All three are computed
from the data and the coefficients when the solver is done; nothing of the solver's own bookkeeping is believed.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from solvers import ConvergenceWarning, GroupSparsity, certify, lambda_max, solve

rng = np.random.default_rng(0)
X = rng.standard_normal((200, 5)) @ rng.standard_normal((5, 60)) + 0.1 * rng.standard_normal((200, 60))
Y = X[:, :8] @ rng.standard_normal((8, 3)) + rng.standard_normal((200, 3))
penalty = GroupSparsity(0.02 * lambda_max(X, Y))

# %%
# The tolerance is a promise about the objective, so it says what it costs: nothing beyond it is spent.
fits = {tol: solve(X, Y, penalty, tol=tol) for tol in (1e-1, 1e-3, 1e-6, 1e-12)}
best = fits[1e-12].objective
for tol, fit in fits.items():
    off = (fit.objective - best) / fit.null_loss
    print(
        f"tol {tol:.0e}: {fit.status}, gap {fit.certificate.gap:.1e}; truly off by {max(off, 0.0):.1e}; {len(fit.support)} inputs"
    )

# %%
# A solver that is stopped early returns what it has, with a certificate that says so, and warns.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", ConvergenceWarning)
    stopped = solve(X, Y, penalty, max_iter=2)
print(f"\nstopped: {stopped.status} ({stopped.limit}), gap {stopped.certificate.gap:.1e}: {stopped.status.advice}")
print(f"warned: {caught[0].message}")

# %%
# Nobody has to believe the solver. `certify` takes the coefficients, the penalty and the data, and works the bound out again.
again = certify(fits[1e-6], X, Y)
print(f"\nrecomputed: gap {again.gap:.1e}, holds: {again.holds}")

rounds = []
solve(X, Y, penalty, tol=1e-12, callback=lambda progress: rounds.append(progress.gap))
figure, ax = plt.subplots(layout="constrained")
ax.semilogy(np.arange(1, len(rounds) + 1), np.maximum(rounds, 1e-16), "o-")
ax.set(xlabel="round", ylabel="relative duality gap", title="The proof sharpens with the answer")
plt.show()
