"""How often is the answer of `solve` for regularised ShrinkNet the global optimum?

    python examples/studies/global_optimum.py --quick
    python examples/studies/global_optimum.py --problems 200 --json global_optimum.json

The penalty `RegularizedShrinkNet(lam, lam2, p)` is not convex: descent ends in a local minimum, and `solve` keeps the best of
several starts. On small problems (at most 15 inputs, unless `--inputs` says otherwise) branch and bound proves which minimum is
the lowest: `certify(fit, X, Y, level="global")`. This study draws random problems and compares with that optimum

    solvers      `solve` as it comes, with its several starts
    descent      one start: block-coordinate descent, continued from lambda_max down to lam
    skglm        with `--targets 1 --p 1` and if installed: there its penalty `L2_05` is the same as the package's

Every objective is recomputed here from `X`, `Y` and the coefficients; an *excess* is an objective minus the global optimum, in
units of the null loss; times are those of one processor. Where an answer is not optimal, the study says how its inputs differ
from the optimal ones, and whether descents from neighbouring sets of inputs (one left out, one added, one exchanged) would have
found the optimum.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from solvers import ConvergenceWarning, GlobalCertificate, Limit, RegularizedShrinkNet, certify, lambda_max, prox, solve

Array = NDArray[np.float64]

LAM2 = 1.0  # only lam^p lam2 matters for coef
NOISE = 0.5  # std(noise) / std(signal): R^2 = 0.8
OURS, DESCENT, SKGLM = "solvers", "descent", "skglm"
RELATIONS = ("same inputs", "too few", "too many", "one exchanged", "other")
MOVES = ("left out", "added", "exchanged")


# ---------------------------------------------------------------------------------------------------------- the problems


@dataclass(frozen=True)
class Problem:
    """Standardised inputs `X (n_samples, n_inputs)`, centred targets `Y (n_samples, n_targets)`, and a penalty."""

    design: str
    X: Array
    Y: Array
    penalty: RegularizedShrinkNet

    @property
    def null_loss(self) -> float:
        """The loss of zero coefficients."""
        return float(np.sum(self.Y**2)) / (2 * len(self.X))

    @property
    def mu(self) -> float:
        """The penalty on `coef` is `mu sum_j ||coef_:j||_p^q`."""
        return float(self.penalty.mu(1)[0])

    def objective(self, coef: Array) -> float:
        """Loss plus penalty of `coef (n_targets, n_inputs)`, from the data: the only judge."""
        loss = np.sum((self.Y - self.X @ coef.T) ** 2) / (2 * len(self.X))
        p = self.penalty.p
        return float(loss + self.mu * np.sum(np.sum(np.abs(coef) ** p, axis=0) ** (1 / (p + 1))))


def autoregressive(rng: np.random.Generator, n: int, k: int, rho: float) -> Array:
    """Gaussian rows with `cov(x_i, x_j) = rho^|i-j|`."""
    X = rng.standard_normal((n, k))
    for j in range(1, k):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    return X


def common_factor(rng: np.random.Generator, n: int, k: int) -> Array:
    """All inputs follow one factor: pairwise correlations of about 0.92."""
    return rng.standard_normal((n, 1)) + 0.3 * rng.standard_normal((n, k))


def three_factors(rng: np.random.Generator, n: int, k: int) -> Array:
    """Three factors with random loadings, and a little of each input's own."""
    return rng.standard_normal((n, 3)) @ rng.standard_normal((3, k)) + 0.3 * rng.standard_normal((n, k))


DESIGNS: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "AR(0.5)": lambda rng, n, k: autoregressive(rng, n, k, 0.5),
    "AR(0.9)": lambda rng, n, k: autoregressive(rng, n, k, 0.9),
    "suppressor": common_factor,
    "factor": three_factors,
}


def draw(rng: np.random.Generator, design: str, options: argparse.Namespace) -> Problem:
    """A problem with everything random but the design.

    In a suppressor problem the coefficients of each target sum to zero: the common factor cancels, and an input that is useful
    beside the others looks useless alone.
    """
    fewest, most = options.inputs
    n, k = options.samples, int(rng.integers(fewest, most + 1))
    X = DESIGNS[design](rng, n, k)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    live = rng.choice(k, size=int(rng.integers(2, k + 1)), replace=False)
    planted = rng.standard_normal((options.targets, len(live)))
    if design == "suppressor":
        planted -= planted.mean(axis=1, keepdims=True)
    signal = X[:, live] @ planted.T
    Y = signal + NOISE * signal.std() * rng.standard_normal(signal.shape)
    Y -= Y.mean(axis=0)
    largest = lambda_max(X, Y, RegularizedShrinkNet(1.0, LAM2, options.p), fit_intercept=False)
    lam = largest * 10 ** rng.uniform(np.log10(options.lam_ratio), 0)
    return Problem(design, X, Y, RegularizedShrinkNet(lam, LAM2, options.p))


# ----------------------------------------------------------------------------------------------------------- the methods


class Descent:
    """Plain block-coordinate descent: each column in turn becomes its own global minimiser given the others."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.Q = problem.X.T @ problem.X / len(problem.X)
        self.C = problem.X.T @ problem.Y / len(problem.X)

    def run(self, B: Array, lam: float, tol: float = 1e-9, max_sweeps: int = 3000) -> Array:
        """Descend from `B (n_inputs, n_targets)` until no sweep changes more than `tol` of the largest correlation."""
        Q, kernel = self.Q, self.problem.penalty.with_lam(lam).kernel(len(B))
        B, new, scale = B.copy(), np.empty(B.shape[1]), tol * float(np.max(np.linalg.norm(self.C, axis=1)))
        gradient = self.C - Q @ B
        for _ in range(max_sweeps):
            largest = 0.0
            for j in range(len(B)):
                prox(kernel, B[j] + gradient[j] / Q[j, j], 1 / Q[j, j], j, new)
                change = new - B[j]
                if change.any():
                    gradient -= np.outer(Q[:, j], change)
                    B[j] = new
                    largest = max(largest, float(np.max(np.abs(change))))
            if largest <= scale:
                break
        return B

    def continued(self, largest: float, steps: int) -> Array:
        """From zero at `largest` down to the problem's lam, each answer the start of the next."""
        B, lam = np.zeros_like(self.C), self.problem.penalty.lam
        for step in np.geomspace(max(largest, lam), lam, steps):
            B = self.run(B, float(step), *((1e-9, 3000) if step == lam else (1e-4, 100)))
        return self.run(B, lam)

    def from_inputs(self, chosen: NDArray[np.bool_]) -> Array:
        """From least squares on the `chosen` inputs."""
        B = np.zeros_like(self.C)
        if chosen.any():
            B[chosen] = np.linalg.lstsq(self.Q[np.ix_(chosen, chosen)], self.C[chosen], rcond=1e-10)[0]
        return self.run(B, self.problem.penalty.lam)


def by_descent(problem: Problem, options: argparse.Namespace) -> Array:
    """One start, continued from lambda_max."""
    largest = lambda_max(problem.X, problem.Y, problem.penalty, fit_intercept=False)
    return Descent(problem).continued(largest, options.steps).T


def by_skglm(problem: Problem, options: argparse.Namespace) -> Array:
    """`MultiTaskBCD` with `L2_05`, continued from lambda_max; better than from zero, where it often stays.

    `ws_strategy="fixpoint"`: by the default rule, the distance to the subdifferential, zero is always optimal.
    """
    from skglm.datafits import QuadraticMultiTask  # pyright: ignore[reportMissingImports]
    from skglm.penalties import L2_05  # pyright: ignore[reportMissingImports]
    from skglm.solvers import MultiTaskBCD  # pyright: ignore[reportMissingImports]

    largest = problem.penalty.with_lam(lambda_max(problem.X, problem.Y, problem.penalty, fit_intercept=False)).mu(1)[0]
    alphas = np.geomspace(max(float(largest), problem.mu), problem.mu, options.steps)
    solver = MultiTaskBCD(max_iter=200, tol=1e-9, ws_strategy="fixpoint", fit_intercept=False)
    X, Y = np.asfortranarray(problem.X), np.asfortranarray(problem.Y)
    _, coefs, _ = solver.path(X, Y, QuadraticMultiTask(), L2_05(problem.mu), alphas)
    return coefs[:, :, -1]


def comparable_peer(options: argparse.Namespace) -> str | None:
    """Why skglm takes no part, or None if it does."""
    if options.targets != 1 or options.p != 1:
        return "solves another problem, unless --targets 1 --p 1"
    try:
        import skglm  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError:
        return "not installed"
    return None


# ------------------------------------------------------------------------------------------------------------ one outcome


@dataclass(frozen=True)
class Answer:
    """What a method found: its objective, its seconds, its inputs compared with the optimal ones."""

    objective: float
    excess: float
    seconds: float
    relation: str
    mended: tuple[str, ...] = ()
    """Kinds of moves one of which leads from here to the optimum; only looked for where the answer is not optimal."""


@dataclass(frozen=True)
class Outcome:
    """A problem, its proven optimum and every method's answer."""

    number: int
    design: str
    n_inputs: int
    lam_share: float
    """`lam / lambda_max`."""

    n_optimal: int
    """Inputs of the best point known."""

    null_loss: float
    lower: float
    optimum: float
    """The lowest objective known; the global one up to the tolerance, if `proven`."""

    proven: bool
    improved: bool
    """The search found a better point than `solve` did."""

    n_nodes: int
    seconds: float
    answers: dict[str, Answer] = field(default_factory=dict)


def used(coef: Array) -> NDArray[np.bool_]:
    """The inputs with a coefficient that is not zero."""
    return np.max(np.abs(coef), axis=0) > 0


def relation(found: NDArray[np.bool_], optimal: NDArray[np.bool_]) -> str:
    """How a set of inputs differs from the optimal one."""
    extra, missing = np.count_nonzero(found & ~optimal), np.count_nonzero(optimal & ~found)
    if extra == 0 or missing == 0:
        return "too many" if extra else "too few" if missing else "same inputs"
    return "one exchanged" if extra == missing == 1 else "other"


def neighbours(chosen: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """All sets of inputs one move away, with the kind of the move."""
    inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    moves = [((i,), "left out") for i in inside] + [((j,), "added") for j in outside]
    for flipped, kind in [*moves, *((pair, "exchanged") for pair in product(inside, outside))]:
        other = chosen.copy()
        other[list(flipped)] ^= True
        yield kind, other


def mending_moves(problem: Problem, coef: Array, enough: float) -> tuple[str, ...]:
    """Kinds of moves from which descent reaches an objective of at most `enough`."""
    descent, found = Descent(problem), set[str]()
    for kind, chosen in neighbours(used(coef)):
        if kind not in found and problem.objective(descent.from_inputs(chosen).T) <= enough:
            found.add(kind)
    return tuple(kind for kind in MOVES if kind in found)


def study(number: int, problem: Problem, options: argparse.Namespace, with_skglm: bool) -> Outcome:
    """Solve by every method, search for the global optimum, compare."""
    X, Y = problem.X, problem.Y
    began = time.process_time()
    fit = solve(X, Y, problem.penalty, fit_intercept=False)
    coefs, spent = {OURS: fit.coef}, {OURS: time.process_time() - began}
    for name, method in {DESCENT: by_descent, **({SKGLM: by_skglm} if with_skglm else {})}.items():
        began = time.process_time()
        coefs[name] = method(problem, options)
        spent[name] = time.process_time() - began
    began = time.process_time()
    proof = certify(fit, X, Y, level="global", tol=options.tol, time_limit=options.time_limit)
    searched = time.process_time() - began
    assert isinstance(proof, GlobalCertificate)
    if Limit.INTERRUPT in (fit.limit, proof.limit):
        raise KeyboardInterrupt  # the package ends its own work first
    points = [*coefs.values()] if proof.improved is None else [*coefs.values(), proof.improved.coef]
    best = min(points, key=problem.objective)
    optimum, null_loss = problem.objective(best), problem.null_loss
    answers = {}
    for name, coef in coefs.items():
        objective = problem.objective(coef)
        excess = (objective - optimum) / null_loss
        fails = excess > options.tol
        mended = mending_moves(problem, coef, optimum + options.tol * null_loss) if fails and name == OURS else ()
        answers[name] = Answer(objective, excess, spent[name], relation(used(coef), used(best)), mended)
    largest = lambda_max(X, Y, problem.penalty, fit_intercept=False)
    return Outcome(
        number,
        problem.design,
        X.shape[1],
        problem.penalty.lam / largest,
        int(np.count_nonzero(used(best))),
        null_loss,
        proof.lower,
        optimum,
        optimum - proof.lower <= 2 * options.tol * null_loss,
        proof.improved is not None,
        proof.n_nodes,
        searched,
        answers,
    )


# ------------------------------------------------------------------------------------------------------------- reporting


def percent(count: int, total: int) -> str:
    """Such as `97.5 %`."""
    return f"{100 * count / total:.1f} %" if total else "-"


def hits(outcomes: Sequence[Outcome], method: str, tol: float) -> int:
    """In how many problems the method's answer is within `tol` of the optimum."""
    return sum(outcome.answers[method].excess <= tol for outcome in outcomes)


def table(outcomes: Sequence[Outcome], methods: Sequence[str], tol: float) -> list[str]:
    """One row for each design, and one for all."""
    head = f"{'design':12}{'problems':>9}{'proven':>9}{'nodes':>8}{'seconds':>9}{'worst':>8}"
    lines = [head + "".join(f"{name:>10}{'worst':>9}{'ms':>8}" for name in methods)]
    for design in [*dict.fromkeys(outcome.design for outcome in outcomes), "all"]:
        some = [outcome for outcome in outcomes if design in ("all", outcome.design)]
        seconds = [outcome.seconds for outcome in some]
        line = f"{design:12}{len(some):>9}{percent(sum(o.proven for o in some), len(some)):>9}"
        line += f"{median(o.n_nodes for o in some):>8.0f}{median(seconds):>9.3f}{max(seconds):>8.2f}"
        for name in methods:
            worst = max(o.answers[name].excess for o in some)
            time_spent = median(o.answers[name].seconds for o in some)
            line += f"{percent(hits(some, name, tol), len(some)):>10}{worst:>9.0e}{1e3 * time_spent:>8.1f}"
        lines.append(line)
    return lines


def failures(outcomes: Sequence[Outcome], methods: Sequence[str], tol: float) -> list[str]:
    """How the inputs of answers that are not optimal differ from the optimal ones, and how large the excess is."""
    lines = [f"{'not optimal':12}{'answers':>9}{'median':>9}{'worst':>9}" + "".join(f"{name:>15}" for name in RELATIONS)]
    for name in methods:
        failed = [o.answers[name] for o in outcomes if o.answers[name].excess > tol]
        count = Counter(answer.relation for answer in failed)
        sizes = (
            f"{median(a.excess for a in failed):>9.0e}{max(a.excess for a in failed):>9.0e}" if failed else f"{'-':>9}{'-':>9}"
        )
        lines.append(f"{name:12}{len(failed):>9}{sizes}" + "".join(f"{count[kind]:>15}" for kind in RELATIONS))
    return lines


def details(outcomes: Sequence[Outcome], tol: float) -> list[str]:
    """Every problem where the package's own answer is not optimal."""
    failed = [o for o in outcomes if o.answers[OURS].excess > tol]
    if not failed:
        return []
    lines = [
        f"{'problem':>8}  {'design':12}{'inputs':>7}{'optimal':>8}{'lam/max':>9}{'excess':>9}  {'inputs found':15}mended by one"
    ]
    for o in failed:
        answer = o.answers[OURS]
        line = f"{o.number:>8}  {o.design:12}{o.n_inputs:>7}{o.n_optimal:>8}{o.lam_share:>9.1e}{answer.excess:>9.0e}"
        lines.append(f"{line}  {answer.relation:15}{', '.join(answer.mended) or 'no move'}")
    return lines


def reading(outcomes: Sequence[Outcome], methods: Sequence[str], tol: float) -> str:
    """The table in words."""
    total, proven = len(outcomes), sum(o.proven for o in outcomes)
    good = {name: hits(outcomes, name, tol) for name in methods}
    text = f"Branch and bound settled {proven} of {total} problems to {tol:.0e} of the null loss, "
    text += f"in a median of {median(o.seconds for o in outcomes):.2g} s and at most {max(o.seconds for o in outcomes):.2g} s. "
    text += f"solve returned the optimum in {percent(good[OURS], total)} of them, "
    text += f"descent from a single start in {percent(good[DESCENT], total)}"
    text += f", skglm in {percent(good[SKGLM], total)}. " if SKGLM in methods else ". "
    failed = [o.answers[OURS] for o in outcomes if o.answers[OURS].excess > tol]
    if not failed:
        return text + "The several starts of solve left nothing to improve."
    kind, count = Counter(answer.relation for answer in failed).most_common(1)[0]
    text += (
        f"Where solve missed it, by {median(a.excess for a in failed):.1e} in the median and {max(a.excess for a in failed):.1e} "
    )
    text += f"at most, the inputs were most often of the kind '{kind}' ({count} of {len(failed)}). "
    mended = sum(bool(answer.mended) for answer in failed)
    text += f"A single move would have mended {mended} of the {len(failed)}: "
    each = (f"{sum(move in answer.mended for answer in failed)} with an input {move}" for move in MOVES)
    return text + ", ".join(each) + "."


# ---------------------------------------------------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; `--quick` only changes defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--problems", type=int, default=200, metavar="N", help="how many; the designs take turns (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="S", help="of the random problems (default: %(default)s)")
    add("--designs", nargs="+", choices=DESIGNS, default=list(DESIGNS))
    add("--samples", type=int, default=100, metavar="N", help="rows of X (default: %(default)s)")
    add("--inputs", type=int, nargs=2, default=(5, 15), metavar=("FEWEST", "MOST"), help="columns of X (default: 5 15)")
    add("--targets", type=int, default=3, metavar="T", help="columns of Y (default: %(default)s)")
    add("--p", type=float, default=2.0, help="exponent of the penalty on A, at least 1 (default: %(default)s)")
    add("--lam-ratio", type=float, default=1e-3, help="smallest lam, as a share of lambda_max (default: %(default)s)")
    add("--tol", type=float, default=1e-6, help="what counts as optimal, as a share of the null loss (default: %(default)s)")
    add("--steps", type=int, default=30, help="values of lam on the way of a continuation (default: %(default)s)")
    add("--time-limit", type=float, default=60.0, metavar="SECONDS", help="for one global search (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write every outcome to FILE")
    add("--quick", action="store_true", help="12 problems of at most 8 inputs: seconds")
    if "--quick" in (sys.argv[1:] if arguments is None else arguments):
        parser.set_defaults(problems=12, inputs=(5, 8), steps=10, time_limit=5.0)
    options = parser.parse_args(arguments)
    if options.p < 1:
        parser.error("--p must be at least 1: no lower bound is known below")
    if options.problems < 1 or not 2 <= options.inputs[0] <= options.inputs[1] or options.targets < 1:
        parser.error("--problems and --targets must be positive, --inputs two numbers of at least 2, the smaller one first")
    return options


def run(options: argparse.Namespace) -> Iterator[Outcome]:
    """Every problem's outcome, as soon as it is known; problem k depends on seed, options and k alone."""
    with_skglm = comparable_peer(options) is None
    for number in range(options.problems):
        rng = np.random.default_rng([options.seed, number])
        problem = draw(rng, options.designs[number % len(options.designs)], options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            yield study(number, problem, options, with_skglm)


def watched(outcomes: Iterator[Outcome], total: int) -> Iterator[Outcome]:
    """The same, with a line of progress on a terminal."""
    began = time.perf_counter()
    for count, outcome in enumerate(outcomes, 1):
        if sys.stderr.isatty():
            print(f"\r{count} of {total} problems, {time.perf_counter() - began:.0f} s ", end="", file=sys.stderr, flush=True)
        yield outcome
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> list[Outcome]:
    """Run the study and print its tables."""
    options = parse(arguments)
    why_not = comparable_peer(options)
    methods = [OURS, DESCENT] if why_not else [OURS, DESCENT, SKGLM]
    fewest, most = options.inputs
    print(
        f"{options.problems} problems: {options.samples} samples, {fewest} to {most} inputs, {options.targets} targets, "
        f"p = {options.p:g}, seed {options.seed}; optimal: within {options.tol:.0e} of the null loss\n"
    )
    outcomes: list[Outcome] = []
    try:
        for outcome in watched(run(options), options.problems):
            outcomes.append(outcome)  # noqa: PERF402 (extend would lose them when interrupted)
    except KeyboardInterrupt:
        print(f"stopped after {len(outcomes)} problems\n")
    if not outcomes:
        return outcomes
    sections = (table(outcomes, methods, options.tol), failures(outcomes, methods, options.tol), details(outcomes, options.tol))
    for lines in sections:
        print("\n".join(lines), end="\n\n" if lines else "")
    if why_not:
        print(f"skglm not compared: {why_not}\n")
    print(reading(outcomes, methods, options.tol))
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    return outcomes


if __name__ == "__main__":
    main()
