"""How fast and how good is `solvers` on regularised ShrinkNet, on oes97 and on generated problems?

    python examples/benchmarks/shrinknet.py --quick
    python examples/benchmarks/shrinknet.py --json shrinknet.json
    python examples/benchmarks/shrinknet.py --parts path figure

The objective is `1/(2n) ||Y - XW'||_F^2 + mu sum_j ||W_:j||_p^q`, `q = p/(p+1)`, recomputed here from the coefficients alone.
It is not convex, so the parts ask different questions:

    path      a path of 100 lam against the same path under group sparsity, which is convex
    gradient  Adagrad and L-BFGS-B on the factors A and beta, as networks are trained: how far after 1, 10, 100 times our time
    peer      skglm's `L2_05` on single targets with p = 1, where both minimise the same objective
    figure    the draft's Figure 1: the loss at given numbers of inputs, trained by Adagrad there, solved here
    global    the time until branch and bound proves a solution globally optimal

oes97 is standardised as in the draft (mean 0, unbiased standard deviation 1). The README beside this file says more.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from problems import Array, Unavailable
from squared import PROBLEMS, SquaredProblem

from solvers import (
    ConvergenceWarning,
    GlobalCertificate,
    GroupSparsity,
    RegularizedShrinkNet,
    certify,
    lambda_max,
    solve,
    solve_path,
)

PARTS = ("path", "gradient", "peer", "figure", "global")
LAM2 = 1.0  # only lam^p lam2 matters for the coefficients
N_LAMS, LAM_RATIO, FIGURE_RATIO = 100, 1e-3, 1e-4
WANTED_RATIO = 3.0
HORIZONS = (1, 10, 100)
RATES = (0.02, 0.05, 0.1, 0.3)  # the draft's own lie between 0.01 and 0.06
MU_SHARES = (0.3, 0.1, 0.03, 0.01)
WARM_STARTS = (1, 20, 100)
ALIVE = 1e-3
"""The draft's threshold: inputs none of whose coefficients is larger count as removed."""

FIGURE_1 = (
    (1, 0.3503),
    (1, 0.3001),
    (3, 0.2332),
    (6, 0.1768),
    (18, 0.1214),
    (41, 0.0901),
    (118, 0.0568),
    (184, 0.0336),
    (249, 0.0196),
)
"""Inputs left and loss (the mean squared error) of the draft's ShrinkNet runs on oes97, read off its Figure 1."""

SIZES = ((15, 4), (15, 8), (15, 12), (20, 8), (40, 8))
"""Inputs and live inputs of the problems that are certified globally."""

Row = dict[str, Any]


# --------------------------------------------------------------------------------------------------------- the objective


def objective(problem: SquaredProblem, penalty: RegularizedShrinkNet, coef: Array) -> float:
    """Loss plus penalty of `coef (n_targets, n_features)`: the judge of everything below."""
    support = np.flatnonzero(np.any(coef, axis=0))
    loss = np.sum((problem.Y - problem.X[:, support] @ coef[:, support].T) ** 2) / (2 * len(problem.X))
    lengths = np.sum(np.abs(coef[:, support]) ** penalty.p, axis=0) ** (1 / (penalty.p + 1))
    return float(loss + penalty.mu(1)[0] * np.sum(lengths))


def null_loss(problem: SquaredProblem) -> float:
    """The loss of zero coefficients."""
    return float(np.sum(problem.Y**2)) / (2 * len(problem.X))


def at_share(problem: SquaredProblem, p: float, share: float) -> RegularizedShrinkNet:
    """The penalty whose `mu` is `share` times that at `lambda_max`."""
    penalty = RegularizedShrinkNet(1.0, LAM2, p)
    return penalty.with_lam(lambda_max(problem.X, problem.Y, penalty, fit_intercept=False) * share ** (1 / penalty.q))


def as_in_the_draft(problem: SquaredProblem) -> SquaredProblem:
    """Unit standard deviations of the unbiased kind."""
    factor = math.sqrt((len(problem.X) - 1) / len(problem.X))
    return replace(problem, X=np.asfortranarray(problem.X * factor), Y=np.asfortranarray(problem.Y * factor))


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor, and result: with one thread, other users of the machine then count for little."""
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def busy() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


# ------------------------------------------------------------------------------------------------------------ part: path


def path_part(problem: SquaredProblem, options: argparse.Namespace) -> Iterator[Row]:
    """Both paths in turn; the ratio is that of the medians."""
    penalties = {"shrinknet": RegularizedShrinkNet(1.0, LAM2, 2), "group sparsity": GroupSparsity(1.0)}
    seconds: dict[str, list[float]] = {name: [] for name in penalties}
    for turn in range(options.repeats + 1):
        for name, penalty in penalties.items():
            spent, _ = timed(
                lambda penalty=penalty: solve_path(
                    problem.X, problem.Y, penalty, n_lams=N_LAMS, lam_ratio=LAM_RATIO, fit_intercept=False
                )
            )
            if turn:  # the first round compiles
                seconds[name].append(spent)
    ours, group = (median(times) for times in seconds.values())
    yield {"seconds": ours, "group_seconds": group, "ratio": ours / group, "wanted": WANTED_RATIO, "load": busy()}


def path_text(row: Row | None) -> str:
    """A line of this part's table; its heading for None."""
    if row is None:
        return f"{'shrinknet':>12}{'group sparsity':>16}{'ratio':>8}{'wanted':>9}{'':>7}{'load':>6}"
    verdict = "OK" if row["ratio"] <= row["wanted"] else "MISS"
    times = f"{seconds_text(row['seconds']):>12}{seconds_text(row['group_seconds']):>16}{row['ratio']:>8.2f}"
    wanted = f"<= {row['wanted']:g}"
    return f"{times}{wanted:>9}{verdict:>7}{row['load']:>6.1f}"


# -------------------------------------------------------------------------------------------------------- part: gradient


class Factorised:
    """The objective in the factors, `W = A diag(beta)`, with its gradient; through the Gram matrix, a favour to its users."""

    def __init__(self, problem: SquaredProblem, penalty: RegularizedShrinkNet) -> None:
        n = len(problem.X)
        self.Q, self.C = problem.X.T @ problem.X / n, problem.X.T @ problem.Y / n
        self.null_loss, self.shape = null_loss(problem), self.C.shape
        # The same problem, since only lam^2 lam2 counts, with factors of like size at its minimisers: ||A_:j||^2 = beta_j.
        self.lam2 = (penalty.lam**2 * penalty.lam2 / 4) ** (1 / 3)
        self.lam = 2 * self.lam2

    def start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """As in the draft: standard normal `beta`, `A` as PyTorch does it; `A (n_features, n_targets)`."""
        k = self.shape[0]
        return rng.uniform(-1, 1, self.shape) / math.sqrt(k), rng.standard_normal(k)

    def value_and_gradient(self, A: Array, beta: Array) -> tuple[float, Array, Array]:
        """The objective, and its gradient with respect to `A` and `beta`."""
        W = A * beta[:, None]
        QW = self.Q @ W
        G = QW - self.C
        value = self.null_loss + 0.5 * float(np.sum(W * (G - self.C)))
        value += self.lam * float(np.sum(np.abs(beta))) + self.lam2 * float(np.sum(A**2))
        slope = np.sum(A * G, axis=1) + self.lam * np.sign(beta)
        return value, G * beta[:, None] + 2 * self.lam2 * A, slope


class TimeUp(Exception):
    """The clock of a `Race` has run out."""


class Race:
    """A stopwatch that notes the best product of factors at each of its marks, not counting its own work."""

    def __init__(self, judge: Callable[[Array], float], marks: Sequence[float]) -> None:
        self.judge, self.marks = judge, list(marks)
        self.reached: list[tuple[float, int]] = []
        self.began, self.paused = time.process_time(), 0.0
        self.best = math.inf
        self.best_coef: Array | None = None

    def look(self, value: float, A: Array, beta: Array) -> None:
        """Called after every evaluation."""
        if value < self.best:
            self.best, self.best_coef = value, (A * beta[:, None]).T
        now = time.process_time()
        while self.marks and now - self.began - self.paused >= self.marks[0]:
            self.marks.pop(0)
            self.note()
        self.paused += time.process_time() - now
        if not self.marks:
            raise TimeUp

    def note(self) -> None:
        """The judge's word on the best point: the objective after the best factorisation of the product."""
        coef = self.best_coef
        assert coef is not None
        self.reached.append((self.judge(coef), int(np.count_nonzero(np.max(np.abs(coef), axis=0) >= ALIVE))))


def adagrad(problem: Factorised, race: Race, rate: float, rng: np.random.Generator) -> None:
    """The draft's method: full gradient steps, each entry's divided by the root of its sum of squares."""
    A, beta = problem.start(rng)
    squares_A, squares_beta = np.zeros_like(A), np.zeros_like(beta)
    while True:
        value, dA, dbeta = problem.value_and_gradient(A, beta)
        race.look(value, A, beta)
        squares_A += dA**2
        squares_beta += dbeta**2
        A = A - rate * dA / (np.sqrt(squares_A) + 1e-10)
        beta = beta - rate * dbeta / (np.sqrt(squares_beta) + 1e-10)


def lbfgs(problem: Factorised, race: Race, rng: np.random.Generator) -> None:
    """SciPy's L-BFGS-B with `beta >= 0`: signs can move to `A`, and the objective is smooth there. Restarted until time is up."""
    from scipy.optimize import minimize

    k, n_targets = problem.shape

    def evaluate(x: Array) -> tuple[float, Array]:
        A, beta = x[k:].reshape(k, n_targets), x[:k]
        value, dA, dbeta = problem.value_and_gradient(A, beta)
        race.look(value, A, beta)
        # On the bound the one-sided slope is meant.
        dbeta = np.where(beta == 0, dbeta + problem.lam, dbeta)
        return value, np.concatenate([dbeta, dA.ravel()])

    bounds = [(0, None)] * k + [(None, None)] * (k * n_targets)
    while True:
        A, beta = problem.start(rng)
        start = np.concatenate([np.abs(beta), (A * np.where(beta < 0, -1, 1)[:, None]).ravel()])
        options = {"maxiter": 10**9, "maxfun": 10**9, "ftol": 1e-15, "gtol": 1e-12}
        minimize(evaluate, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)


def gradient_part(problem: SquaredProblem, options: argparse.Namespace) -> Iterator[Row]:
    """For each lam: our time, and both methods' excess over our objective at multiples of it."""
    for share in options.shares:
        penalty = at_share(problem, 2, share)
        runs = [timed(lambda p=penalty: solve(problem.X, problem.Y, p, fit_intercept=False)) for _ in range(options.repeats + 1)]
        seconds, fit = median(spent for spent, _ in runs[1:]), runs[0][1]
        ours, scale = objective(problem, penalty, fit.coef), null_loss(problem)
        factorised = Factorised(problem, penalty)
        horizons = [h for h in HORIZONS if h * seconds <= options.cap] or [HORIZONS[0]]
        methods: dict[str, Callable[..., None]] = {f"Adagrad {rate:g}": partial(adagrad, rate=rate) for rate in options.rates}
        methods["L-BFGS-B"] = lbfgs
        row: Row = {
            "share": share,
            "seconds": seconds,
            "objective": ours / scale,
            "alive": len(fit.support),
            "horizons": horizons,
            "load": busy(),
        }
        for name, method in methods.items():
            race = Race(lambda coef, p=penalty: objective(problem, p, coef), [h * seconds for h in horizons])
            try:
                method(factorised, race, rng=np.random.default_rng(options.seed))
            except TimeUp:
                row[name] = [{"excess": (value - ours) / scale, "alive": alive} for value, alive in race.reached]
        yield row


def gradient_text(row: Row | None) -> str:
    """Both methods below one another, Adagrad at its best learning rate; shown is the excess over our objective."""
    if row is None:
        head = f"{'mu/max':>7}{'ours':>10}{'objective':>11}{'inputs':>8}  {'method':14}"
        return head + "".join(f"{f'after {h}x':>14}" for h in HORIZONS) + f"{'inputs':>8}{'load':>6}"
    adagrads = [name for name in row if name.startswith("Adagrad")]
    best = min(adagrads, key=lambda name: row[name][-1]["excess"])
    head = f"{row['share']:>7g}{seconds_text(row['seconds']):>10}{row['objective']:>11.6f}{row['alive']:>8}"
    lines = []
    for name in (best, "L-BFGS-B"):
        marks = [f"{mark['excess']:>+14.1e}" for mark in row[name]] + [f"{'over the cap':>14}"] * (len(HORIZONS) - len(row[name]))
        lines.append(f"{head:36}  {name:14}{''.join(marks)}{row[name][-1]['alive']:>8}{row['load']:>6.1f}")
        head = ""
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------------ part: peer


def skglm_solver() -> Callable[[SquaredProblem, float, float, int], Array]:
    """skglm on one target; ImportError if it is not installed.

    `MultiTaskBCD` with `L2_05` and `ws_strategy="fixpoint"`: by the default rule, the distance to the subdifferential, it never
    leaves zero. Its `path` warm-starts a decreasing sequence of strengths.
    """
    from skglm.datafits import QuadraticMultiTask  # pyright: ignore[reportMissingImports]
    from skglm.penalties import L2_05  # pyright: ignore[reportMissingImports]
    from skglm.solvers import MultiTaskBCD  # pyright: ignore[reportMissingImports]

    def run(problem: SquaredProblem, largest: float, mu: float, n_starts: int) -> Array:
        solver = MultiTaskBCD(max_iter=1000, tol=1e-6, ws_strategy="fixpoint", fit_intercept=False)
        alphas = np.geomspace(largest, mu, n_starts) if n_starts > 1 else np.array([mu])
        _, coefs, _ = solver.path(problem.X, problem.Y, QuadraticMultiTask(), L2_05(mu), alphas)
        return coefs[:, :, -1]

    return run


def peer_part(problem: SquaredProblem, options: argparse.Namespace) -> Iterator[Row]:
    """For single targets: objective and seconds of both, skglm from zero and along warm starts."""
    try:
        peer = skglm_solver()
    except ImportError:
        print("not compared: skglm is not installed")
        return
    corner = SquaredProblem("", np.asfortranarray(problem.X[:, :5]), np.asfortranarray(problem.Y[:, :1]))
    solve(corner.X, corner.Y, RegularizedShrinkNet(0.1, LAM2, 1), fit_intercept=False)  # compile
    peer(corner, 1.0, 0.1, 2)
    for target in options.targets:
        single = replace(problem, Y=np.asfortranarray(problem.Y[:, target : target + 1]))
        scale, largest = null_loss(single), float(at_share(single, 1, 1.0).mu(1)[0])
        for share in options.shares:
            penalty = at_share(single, 1, share)
            calls: dict[str, Callable[[], Array]] = {
                "solvers": lambda s=single, p=penalty: solve(s.X, s.Y, p, fit_intercept=False).coef,
                **{
                    f"skglm {n}": lambda s=single, top=largest, p=penalty, n=n: peer(s, top, float(p.mu(1)[0]), n)
                    for n in WARM_STARTS
                },
            }
            seconds: dict[str, list[float]] = {name: [] for name in calls}
            values: dict[str, float] = {}
            alive: dict[str, int] = {}
            for _ in range(options.repeats):
                for name, call in calls.items():
                    if sum(seconds[name]) > options.cap:
                        continue
                    spent, coef = timed(call)
                    seconds[name].append(spent)
                    values[name], alive[name] = objective(single, penalty, coef) / scale, int(np.count_nonzero(coef))
            row: Row = {"target": target, "share": share, "load": busy()}
            for name in calls:
                row[name] = {"seconds": median(seconds[name]), "objective": values[name], "alive": alive[name]}
            yield row


def peer_text(row: Row | None) -> str:
    """Objectives are shares of the null loss; skglm's stand as their excess over ours."""
    if row is None:
        head = f"{'target':>6}{'mu/max':>8}{'solvers':>10}{'objective':>11}{'inputs':>8}"
        return head + "".join(f"{f'skglm, {n} lam':>20}{'excess':>10}{'inputs':>8}" for n in WARM_STARTS) + f"{'load':>6}"
    ours = row["solvers"]
    line = f"{row['target']:>6}{row['share']:>8g}{seconds_text(ours['seconds']):>10}{ours['objective']:>11.6f}{ours['alive']:>8}"
    for n in WARM_STARTS:
        peer = row[f"skglm {n}"]
        cost = f"{peer['seconds'] / ours['seconds']:.2f}x {seconds_text(peer['seconds'])}"
        line += f"{cost:>20}{peer['objective'] - ours['objective']:>+10.1e}{peer['alive']:>8}"
    return f"{line}{row['load']:>6.1f}"


# ---------------------------------------------------------------------------------------------------------- part: figure


def figure_part(problem: SquaredProblem, options: argparse.Namespace) -> Iterator[Row]:
    """For each point of the draft's figure the best loss on our path with at most as many inputs."""
    del options
    path = solve_path(
        problem.X, problem.Y, RegularizedShrinkNet(1.0, LAM2, 2), n_lams=N_LAMS, lam_ratio=FIGURE_RATIO, fit_intercept=False
    )
    n_targets = problem.Y.shape[1]
    losses = 2 * path.losses / n_targets
    exact = np.array([len(fit.support) for fit in path.fits])
    alive = np.count_nonzero(np.max(np.abs(path.coefs), axis=1) >= ALIVE, axis=1)
    for number, drafted in FIGURE_1:
        row: Row = {"inputs": number, "draft": drafted}
        for name, counts in (("exact", exact), ("alive", alive)):
            allowed = np.flatnonzero(counts <= number)
            best = allowed[np.argmin(losses[allowed])]
            more = counts[counts > number]
            row[name] = {"loss": losses[best], "inputs": int(counts[best]), "next": int(more.min()) if len(more) else None}
            row[name]["refit"] = _least_squares_loss(problem, path.coefs[best])
        yield row


def _least_squares_loss(problem: SquaredProblem, coef: Array) -> float:
    """The loss without any shrinkage on the same inputs: what selecting them is worth."""
    chosen = problem.X[:, np.any(coef, axis=0)]
    residual = problem.Y - chosen @ np.linalg.lstsq(chosen, problem.Y, rcond=None)[0]
    return float(np.mean(residual**2))


def figure_text(row: Row | None) -> str:
    """Twice: counting the inputs that are not exactly zero, and counting as the draft does."""
    if row is None:
        head = f"{'inputs':>6}{'draft':>8}"
        return head + "".join(
            f"{'not zero: ours' if exact else 'above 1e-3: ours':>20}{'used':>6}{'next':>6}{'refit':>8}{'':>6}"
            for exact in (1, 0)
        )
    line = f"{row['inputs']:>6}{row['draft']:>8.4f}"
    for name in ("exact", "alive"):
        ours = row[name]
        verdict = "OK" if ours["loss"] <= row["draft"] else "MISS"
        line += f"{ours['loss']:>20.4f}{ours['inputs']:>6}{ours['next'] or '-':>6}{ours['refit']:>8.4f}{verdict:>6}"
    return line


# ---------------------------------------------------------------------------------------------------------- part: global


def generated(rng: np.random.Generator, rho: float, k: int, n_live: int, n: int = 100, n_targets: int = 3) -> SquaredProblem:
    """Autoregressive inputs, planted coefficients, R^2 = 0.8."""
    X = rng.standard_normal((n, k))
    for j in range(1, k):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    signal = X[:, rng.choice(k, size=n_live, replace=False)] @ rng.standard_normal((n_live, n_targets))
    Y = signal + 0.5 * signal.std() * rng.standard_normal(signal.shape)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return SquaredProblem(f"AR({rho:g})", np.asfortranarray(X), np.asfortranarray(Y - Y.mean(axis=0)))


def global_part(options: argparse.Namespace) -> Iterator[Row]:
    """On problems with as many live inputs planted as the fit is to have: gap, nodes, seconds."""
    for rho in (0.5, 0.9):
        for k, n_live in options.sizes:
            problem = generated(np.random.default_rng([options.seed, k, n_live]), rho, k, n_live)
            path = solve_path(
                problem.X, problem.Y, RegularizedShrinkNet(1.0, LAM2, 2), n_lams=N_LAMS, lam_ratio=LAM_RATIO, fit_intercept=False
            )
            fit = min(path.fits, key=lambda fit, wanted=n_live: abs(len(fit.support) - wanted))
            spent, proof = timed(
                lambda f=fit, p=problem: certify(f, p.X, p.Y, level="global", tol=options.gap, time_limit=options.time_limit)
            )
            assert isinstance(proof, GlobalCertificate)
            upper = proof.upper if proof.improved is None else min(proof.upper, proof.improved.objective)
            yield {
                "design": problem.name,
                "columns": k,
                "wanted": n_live,
                "live": len(fit.support),
                "mu_share": (fit.penalty.lam / path.lams[0]) ** (2 / 3),
                "gap": (upper - proof.lower) / null_loss(problem),
                "improvement": (proof.upper - upper) / null_loss(problem),
                "nodes": proof.n_nodes,
                "seconds": spent,
                "limit": str(proof.limit),
                "load": busy(),
            }


def global_text(row: Row | None) -> str:
    """`improved` is by how much the search undercut the fit, should it have."""
    if row is None:
        head = f"{'design':8}{'columns':>8}{'live':>6}{'mu/max':>8}{'gap':>9}{'nodes':>10}{'seconds':>10}"
        return head + f"{'limit':>7}{'improved':>10}{'load':>6}"
    head = f"{row['design']:8}{row['columns']:>8}{row['live']:>6}{row['mu_share']:>8.2g}{row['gap']:>9.1e}{row['nodes']:>10}"
    improved = f"{row['improvement']:.0e}" if row["improvement"] > 0 else "-"
    return f"{head}{row['seconds']:>10.3f}{row['limit']:>7}{improved:>10}{row['load']:>6.1f}"


# ---------------------------------------------------------------------------------------------------------- command line


def seconds_text(seconds: float) -> str:
    """Three significant digits, in the unit that suits."""
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


TITLES = {
    "path": "path of 100 lam on oes97, against the same under group sparsity",
    "gradient": "oes97, p = 2: excess of gradient methods over our objective, in null losses, after multiples of our time",
    "peer": "oes97, one target, p = 1: skglm's time divided by ours, its objective minus ours, in null losses",
    "figure": "oes97: the loss of the draft's Figure 1, and the lowest on our path with at most as many inputs",
    "global": "generated, 100 samples, 3 targets: proofs of global optimality",
}
TEXTS = {"path": path_text, "gradient": gradient_text, "peer": peer_text, "figure": figure_text, "global": global_text}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; `--quick` only changes defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    add("--repeats", type=int, default=5, help="timed runs, of which the median counts")
    add(
        "--shares",
        nargs="+",
        type=float,
        default=list(MU_SHARES),
        help="strengths mu, as shares of the largest, for a single lam",
    )
    add("--targets", nargs="+", type=int, default=[0, 7], help="columns of Y in the part peer")
    add("--rates", nargs="+", type=float, default=list(RATES), help="learning rates of Adagrad; the best one is shown")
    add("--cap", type=float, default=20.0, help="seconds for one gradient run; longer horizons are left out")
    add("--gap", type=float, default=1e-4, help="relative gap of the global proofs")
    add("--time-limit", type=float, default=60.0, help="seconds for one global proof")
    add("--seed", type=int, default=0, help="of generated problems and of the gradient methods' starts")
    add("--json", type=Path, metavar="FILE", help="write every row to FILE")
    add("--quick", action="store_true", help="one strength, few repeats, small global problems: about a minute")
    parser.set_defaults(sizes=SIZES)
    if "--quick" in (sys.argv[1:] if arguments is None else arguments):
        parser.set_defaults(repeats=1, shares=[0.1], targets=[0], rates=[0.05], cap=3.0, sizes=SIZES[:2], time_limit=10.0)
    return parser.parse_args(arguments)


def rows_of(part: str, problem: SquaredProblem | None, options: argparse.Namespace) -> Iterator[Row]:
    """The rows of one part as they are measured."""
    if part == "global":
        return global_part(options)
    parts = {"path": path_part, "gradient": gradient_part, "peer": peer_part, "figure": figure_part}
    assert problem is not None
    return parts[part](problem, options)


def watch(text: str) -> None:
    """A line of progress on a terminal, overwritten by the next; an empty one clears it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Run the chosen parts, printing each row as soon as it is known."""
    from threadpoolctl import threadpool_limits

    options = parse()
    try:
        problem, missing = as_in_the_draft(PROBLEMS["oes97"]()), ""
    except Unavailable as reason:
        problem, missing = None, str(reason)
    report: dict[str, list[Row]] = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        print(f"seconds of one processor; medians of {options.repeats} runs, in turn")
        for part in options.parts:
            print(f"\n{part}: {TITLES[part]}")
            if problem is None and part != "global":
                print(f"skipped: {missing}")
                continue
            print(TEXTS[part](None), flush=True)
            watch("measuring ...")
            for row in rows_of(part, problem, options):
                watch("")
                print(TEXTS[part](row), flush=True)
                report.setdefault(part, []).append(row)
                if options.json:
                    options.json.write_text(json.dumps(report, indent=1, default=float))
                watch("measuring ...")
            watch("")


if __name__ == "__main__":
    main()
