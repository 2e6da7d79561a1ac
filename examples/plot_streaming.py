"""
A streaming fit
===============

Data that arrive in blocks and are never together in memory: a `Gram` holds all that least squares needs to know of them, in
memory that does not grow. Grams add up, so a fit can be had at any time, and it is the fit of all rows so far.
"""

import matplotlib.pyplot as plt
import numpy as np

from solvers import Gram, GroupSparsity, lambda_max, solve

n_features, n_targets, n_true = 50, 2, 4
rng = np.random.default_rng(0)
truth = np.zeros((n_targets, n_features))
truth[:, :n_true] = 0.3 * rng.standard_normal((n_targets, n_true))


def stream(n_blocks, rows=250):
    """Blocks as a sensor might send them, far from the origin."""
    for _ in range(n_blocks):
        X = 100.0 + rng.standard_normal((rows, n_features))
        yield X, X @ truth.T + rng.standard_normal((rows, n_targets))


# %%
# After each block: add its Gram, choose a lam that noise alone would not exceed at this number of rows, fit.
gram, seen, errors, kept = None, [], [], []
blocks = []
for block in stream(n_blocks=40):
    new = Gram.from_blocks([block])
    gram = new if gram is None else gram + new
    noise = 2.0 * np.sqrt(n_targets * np.log(n_features) / gram.total)
    fit = solve(gram, penalty=GroupSparsity(noise))
    seen.append(gram.n_samples)
    errors.append(float(np.linalg.norm(fit.coef - truth)))
    kept.append(len(fit.support))
    blocks.append(block)

# %%
# The last fit is that of the data in one piece, which a stream would not have. (Here they were kept, to show it.)
X, Y = (np.concatenate(part) for part in zip(*blocks, strict=True))
whole = solve(X, Y, fit.penalty)
difference = float(np.max(np.abs(whole.coef - fit.coef)))
print(
    f"{gram.n_samples} rows in {gram.x_products.nbytes / 1e3:.0f} kB; largest difference to the fit of all rows: {difference:.1e}"
)
print(f"inputs in use: {fit.support.tolist()}; lambda_max is now {lambda_max(gram):.3f}")

figure, (top, bottom) = plt.subplots(2, 1, sharex=True, layout="constrained")
top.loglog(seen, errors)
top.set_ylabel("error of the coefficients")
bottom.semilogx(seen, kept, drawstyle="steps-post")
bottom.axhline(n_true, color="0.7")
bottom.set(xlabel="rows so far", ylabel="inputs in use")
plt.show()
