"""How fast is `solvers` on group-sparse multi-target regression? Against celer, skglm, adelie and scikit-learn.

    python examples/benchmarks/regression.py --quick
    python examples/benchmarks/regression.py --json regression.json

Everybody minimises `1/(2n) ||Y - XA'||_F^2 + lam sum_j ||A_:j||_2` to the same relative duality gap, recomputed here
from `X`, `Y` and the coefficients alone. The README beside this file states the rules.
"""

from __future__ import annotations

from command import Contest, main
from peers import SQUARED_PEERS
from squared import PROBLEMS

if __name__ == "__main__":
    main(Contest(__doc__ or "", PROBLEMS, SQUARED_PEERS, chosen=list(PROBLEMS)))
