"""How fast is `solvers` on group-sparse multinomial regression? Against adelie, glmnet and accelerated gradients.

    python examples/benchmarks/classification.py --quick
    python examples/benchmarks/classification.py --json classification.json

Everybody minimises `1/n sum_i [log sum_k exp(z_ik) - z_i,y_i] + lam sum_j ||A_:j||_2`, `Z = XA' + b`, to the same relative
duality gap, recomputed here from `X`, the labels and the coefficients alone. The README beside this file states the rules.
"""

from __future__ import annotations

from command import Contest, main
from multinomial import PROBLEMS
from peers import MULTINOMIAL_PEERS

if __name__ == "__main__":
    main(Contest(__doc__ or "", PROBLEMS, MULTINOMIAL_PEERS, chosen=["mnist", "gas", "tall-ar", "wide"]))
