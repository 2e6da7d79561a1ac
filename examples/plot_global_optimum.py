"""
When is a non-convex fit provably optimal?
==========================================

Regularised ShrinkNet is not convex: descent finds points that no single input can improve, and there may be better ones. Branch
and bound over the lengths of the columns decides the matter: it raises a lower bound on *all* coefficients until it meets the
best ones known, or finds better ones on the way.
"""

import matplotlib.pyplot as plt
import numpy as np

from solvers import RegularizedShrinkNet, certify, lambda_max, lambda_zero, solve

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 3)) @ rng.standard_normal((3, 6)) + 0.5 * rng.standard_normal((60, 6))
y = X @ np.array([1.0, -1.0, 0.0, 0.0, 1.0, 0.0]) + 0.5 * rng.standard_normal(60)

# %%
# Along lam: what descent found, and the proof. ``gap`` is the distance of its objective from the proven bound, relative to the
# loss without inputs.
penalty = RegularizedShrinkNet(1.0, 0.1)
lams = np.geomspace(0.9, 0.01, 8) * lambda_max(X, y, penalty)
fits = [solve(X, y, penalty.with_lam(lam)) for lam in lams]
local = [fit.certificate for fit in fits]
proofs = [certify(fit, X, y, level="global", tol=1e-4) for fit in fits]
print("      lam  inputs  bound from descent alone  proven")
for fit, at_once, proof in zip(fits, local, proofs, strict=True):
    first = (at_once.upper - at_once.lower) / fit.null_loss
    print(
        f"{fit.penalty.lam:9.4f}  {len(fit.support):6}  {first:24.1e}  {proof.gap:.1e}{'' if proof.holds else '  (not closed)'}"
    )

# %%
# Above `lambda_max` no single input pays, above `lambda_zero` no set of inputs does: zero is then the best answer. In between
# only a proof tells.
print(f"\nlambda_max {lambda_max(X, y, penalty):.3f}, lambda_zero {lambda_zero(X, y, penalty):.3f}")

null_loss = fits[0].null_loss
figure, ax = plt.subplots(layout="constrained")
ax.plot(lams, [fit.objective / null_loss for fit in fits], "o-", label="objective of the fit")
ax.plot(lams, [proof.lower / null_loss for proof in proofs], "_", markersize=14, color="C3", label="proven lower bound")
ax.plot(lams, [at_once.lower / null_loss for at_once in local], ":", color="0.5", label="bound before the search")
ax.set(xscale="log", xlabel=r"$\lambda$", ylabel="relative to the loss without inputs")
ax.legend()
plt.show()
