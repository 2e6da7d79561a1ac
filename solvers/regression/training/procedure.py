"""Training with neuron removal: the draft's own procedure, gradient steps on A and beta with switches that turn off for good."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers._arrays import as_count, as_number
from solvers._parallel import single_threaded
from solvers._progress import Callback, CallbackError, Monitor
from solvers.errors import ConvergenceWarning, IncompatibleError, InputError, SolveError, warn_user
from solvers.regression.gram import Gram
from solvers.regression.linear_model import LinearModel
from solvers.regression.training.data import TrainingData, as_generator
from solvers.regression.training.gram import gram_of
from solvers.regression.training.ledger import CostLedger, RemovalEvent
from solvers.regression.training.optimizers import as_stepper
from solvers.regression.training.removal import Removal, SignVariance, as_removal
from solvers.regression.training.run import Plan, Run
from solvers.regression.training.state import OPEN, RELU, SIGNED, GatePenalty, gates, penalty_value
from solvers.results import Certificate, Kind, Limit, Status, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]

GATES = {"signed": SIGNED, "relu": RELU, "none": OPEN}


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class TrainedShrinkNet(LinearModel):
    """Where a training run ended, what it removed, and what it cost.

    Attributes
    ----------
    coef : (n_targets, n_features)
        ``A * beta``; the column of a removed input is exactly zero.
    intercept : (n_targets,)
        Unpenalised.
    A, beta : (n_targets, n_features), (n_features,)
        The factors; behind a ReLU ``beta`` is its output, without a gate it is 1. Zero for removed inputs.
    loss : float
        Of the returned model, recomputed from the data: a weighted mean over samples, summed over targets.
    objective : float
        ``loss + lam ||beta||_1 + lam2 ||A||_p^p`` (without a gate ``loss + lam sum_j ||A_:j|| + lam2 ||A||_p^p``).
    null_loss : float
        Loss of the model without inputs.
    status : Status
        ``feasible``, or ``failed`` where the loss diverged; the returned model is then the best one met at the beginning of a
        stretch of at most 100 epochs (the initial one included).
    limit : Limit
        What ended the run early, if anything did.
    certificate : Certificate
        Of kind ``none``: gradient steps prove nothing. Its lower bound is the trivial one, 0.
    losses : (n_epochs,)
        Loss at the beginning of each epoch (for mini-batches: mean over the batches, each before its step).
    ledger : CostLedger
        Live inputs, multiply-adds, parameters and bytes.
    events : tuple of RemovalEvent
        Which inputs were removed, and when.
    lam, lam2, p : float
        Strengths and exponent of the penalty.
    removal : Removal
        The strategy.
    gate, family : str
        As they were given (``family`` is the loss).
    classes : (n_targets,) or None
        For multinomial models the class that each row of ``coef`` stands for.
    elapsed : float
        Seconds.
    """

    coef: Array
    intercept: Array
    A: Array = field(repr=False)
    beta: Array = field(repr=False)
    loss: float
    objective: float
    null_loss: float
    status: Status
    limit: Limit
    certificate: Certificate
    losses: Array = field(repr=False)
    ledger: CostLedger = field(repr=False)
    events: tuple[RemovalEvent, ...] = field(repr=False)
    lam: float
    lam2: float
    p: float
    removal: Removal
    gate: str
    family: str
    classes: np.ndarray[Any, Any] | None = field(repr=False)
    is_vector: bool = field(repr=False)
    elapsed: float

    @property
    def n_epochs(self) -> int:
        """Finished epochs."""
        return len(self.losses)

    @property
    def n_live(self) -> int:
        """Inputs that are not removed."""
        return self.events[-1].n_left if self.events else self.coef.shape[1]

    def _shown(self) -> dict[str, Any]:
        rows = super()._shown()
        live = f"{self.n_live} of {self.coef.shape[1]}" + ("" if self.n_live else ": the model is its intercept alone")
        shown = {"status": self.status, "objective": self.objective, "loss": self.loss, "live": live}
        return shown | {"epochs": self.n_epochs, "cost": self.ledger.cost} | {k: v for k, v in rows.items() if k not in shown}


def train_shrinknet(
    X: Any,
    Y: Any,
    *,
    lam: float,
    lr: float,
    n_epochs: int,
    lam2: float = 0.0,
    p: float = 2.0,
    loss: str = "squared",
    optimizer: str = "adagrad",
    batch_size: int | None = None,
    removal: Removal = SignVariance(),  # noqa: B008 (frozen)
    gate: str = "signed",
    statistics: str = "step",
    collect: bool = True,
    gram: bool | None = None,
    fit_intercept: bool = True,
    sample_weight: Any = None,
    time_limit: float | None = None,
    callback: Callback | None = None,
    verbose: bool | Callable[[str], object] = False,
    random_state: Any = None,
) -> TrainedShrinkNet:
    """Train ``W = A diag(beta)`` by gradient steps, and remove inputs while training runs.

    The steps descend on ``loss(W, b) + lam ||beta||_1 + lam2 ||A||_p^p``. This is the draft's procedure, not a solver for its
    minimisers: with ``lam2 = 0`` there is none (Proposition A.3; the steps trade beta for A for ever), and otherwise `solve`
    with `RegularizedShrinkNet` finds it. What is returned depends on the learning rate, the number of epochs and chance.

    Parameters
    ----------
    X : array_like (n_samples, n_features)
        Inputs, dense; best standardised, for a learning rate suits one scale.
    Y : array_like (n_samples,) or (n_samples, n_targets)
        Targets, labels, or zeros and ones: as in `solve`.
    lam, lam2, p : float
        Strengths, in units of the loss, and exponent. The draft's belong to a loss that is a mean over samples and outputs:
        multiply both by ``n_targets / 2`` (for the squared loss).
    lr : float
        Learning rate. Adagrad and Adam do not notice the scale of the objective; plain SGD does.
    n_epochs : int
        Passes over the data; a full batch takes one step in each.
    loss : {"squared", "multinomial", "logistic"}
        As in `solve`.
    optimizer : {"adagrad", "adam", "sgd"}
        With the formulas and constants of PyTorch.
    batch_size : int, optional
        Samples per step, drawn anew without replacement in each epoch; all of them where omitted.
    removal : Removal
        `SignVariance`, `FirstSignChange`, `Threshold` or `NoRemoval`.
    gate : {"signed", "relu", "none"}
        ``"signed"``: beta from N(0, 1), of either sign (the switch layer). ``"relu"``: ``max(0, beta)``, beta from U(0, 1]
        (the draft's Filter, eq. (1)): an input whose beta reaches 0 is removed, whatever ``removal`` says besides.
        ``"none"``: ``W = A`` with the penalty ``lam sum_j ||A_:j||_2``, the draft's group-sparsity baseline; removes nothing.
    statistics : {"step", "epoch"}
        How often the strategy looks at the switches. Removed inputs are collected once per epoch.
    collect : bool
        Take removed inputs out of all arrays, data and optimiser state included, so that epochs become cheaper. The iterates do
        not depend on it, to rounding.
    gram : bool, optional
        Full batch with squared loss: run on the Gram of the live inputs (``n_live^2 n_targets`` multiply-adds per epoch) or on
        the rows (``2 n_samples n_live n_targets``). The cheaper one where omitted. Same iterates, to rounding.
    fit_intercept : bool
        Train an unpenalised intercept.
    sample_weight : array_like (n_samples,), optional
        Weights of the samples; a mini-batch is a weighted mean.
    time_limit : float, optional
        Seconds; the state reached is returned.
    callback, verbose : optional
        As in `solve`, after every stretch of at most 100 epochs; ``progress.gap`` is nan, ``progress.n_active`` counts the live
        inputs.
    random_state : int, numpy Generator or RandomState, optional
        For the initial point, the batches, and randomized removal.

    Returns
    -------
    TrainedShrinkNet
        Once every input is removed, training ends with the model without inputs: zero coefficients, the best intercept.

    Raises
    ------
    InputError, IncompatibleError
        For wrong values and types.
    SolveError
        If ``callback`` raised; ``.result`` is the state reached.

    Warns
    -----
    ConvergenceWarning
        If the loss diverges: it exceeds 1e8 times the larger of its first value and the null loss, or is no number.

    Notes
    -----
    Stops after ``n_epochs``, when nothing is left to train, on divergence, or at a limit; there is no other stopping rule.

    References
    ----------
    ShrinkNets draft, sections 3 and 5.2.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import SignVariance, train_shrinknet
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 10))
    >>> Y = X[:, [0, 1]] + 0.1 * rng.standard_normal((200, 2))
    >>> net = train_shrinknet(X, Y, lam=0.05, lr=0.05, n_epochs=2000, removal=SignVariance(gamma=0.9), random_state=0)
    >>> net.support, bool(net.loss < 0.1 * net.null_loss)
    (array([0, 1]), True)
    >>> net.ledger.cost < 2000 * 10
    True
    """
    data = TrainingData.build(X, Y, loss, fit_intercept, sample_weight)
    plan = _plan(data, lam, lam2, p, optimizer, lr, n_epochs, batch_size, removal, gate, statistics, collect, gram)
    # Ending with the last epoch is no limit.
    monitor = Monitor(max_iter=plan.n_epochs + 1, time_limit=time_limit, callback=callback, verbose=verbose)
    return _train(data, gram_of(data) if plan.gram else None, plan, as_generator(random_state), monitor)


def train_repeats(
    X: Any, Y: Any, *, n_repeats: int, n_jobs: int = 1, random_state: Any = None, **options: Any
) -> tuple[TrainedShrinkNet, ...]:
    """`train_shrinknet` from several random initial points.

    Parameters
    ----------
    X, Y
        As in `train_shrinknet`.
    n_repeats : int
        How many runs.
    n_jobs : int
        Runs at once, in threads (kernels release the lock); the answers do not depend on it.
    random_state : int, numpy Generator or RandomState, optional
        Repeat k gets the k-th generator spawned from it.
    **options
        Keyword arguments of `train_shrinknet`, except for ``callback`` and ``verbose``. A ``time_limit`` holds for each run.

    Returns
    -------
    tuple of TrainedShrinkNet
        In order.

    Raises
    ------
    InputError, IncompatibleError
        As `train_shrinknet`.

    Examples
    --------
    >>> import numpy as np
    >>> from solvers import train_repeats
    >>> X = np.random.default_rng(0).standard_normal((50, 4))
    >>> nets = train_repeats(X, X[:, 0], lam=0.01, lr=0.1, n_epochs=200, n_repeats=3, n_jobs=2, random_state=0)
    >>> len(nets), nets[0].loss == nets[1].loss
    (3, False)
    """
    n_repeats, n_jobs = as_count(n_repeats, "n_repeats"), as_count(n_jobs, "n_jobs")
    for name in ("callback", "verbose"):
        if name in options:
            raise IncompatibleError(f"{name} is for a single run: write train_shrinknet(X, Y, {name}=...)")

    def repeat(rng: np.random.Generator) -> TrainedShrinkNet:
        return train_shrinknet(X, Y, random_state=rng, **options)

    rngs = as_generator(random_state).spawn(n_repeats)
    if n_jobs == 1:
        return tuple(map(repeat, rngs))
    with ThreadPoolExecutor(n_jobs) as pool:
        return tuple(pool.map(repeat, rngs))


def _plan(
    data: TrainingData,
    lam: float,
    lam2: float,
    p: float,
    optimizer: str,
    lr: float,
    n_epochs: int,
    batch_size: int | None,
    removal: Removal,
    gate: str,
    statistics: str,
    collect: bool,
    gram: bool | None,
) -> Plan:
    """The settings, checked."""
    _require_one_of(gate, "gate", GATES)
    _require_one_of(statistics, "statistics", ("step", "epoch"))
    for name, value in (("collect", collect), ("gram", gram)):
        if not isinstance(value, (bool, np.bool_)) and not (name == "gram" and value is None):
            raise IncompatibleError(f"{name} must be True or False, got {value!r}")
    penalty = GatePenalty(
        GATES[gate],
        as_number(lam, "lam", advice="lam=0 means unpenalised"),
        as_number(lam2, "lam2", advice="lam2=0 leaves A unpenalised"),
        as_number(p, "p", strict=True, advice="the draft recommends p=2 or p=1"),
    )
    stepper = as_stepper(optimizer, as_number(lr, "lr", strict=True, advice="such as lr=0.05"))
    n_epochs = as_count(n_epochs, "n_epochs")
    if batch_size is not None:
        batch_size = as_count(batch_size, "batch_size")
    has_gram = data.loss == "squared" and (batch_size is None or batch_size >= len(data.X))
    if gram and not has_gram:
        raise IncompatibleError("gram=True is for loss='squared' with a full batch: leave gram or batch_size out")
    on_gram = has_gram if gram else has_gram and gram is None and _gram_pays(data, n_epochs)
    return Plan(penalty, stepper, as_removal(removal), n_epochs, batch_size, statistics == "epoch", bool(collect), on_gram)


def _require_one_of(value: object, name: str, known: Any) -> None:
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")


def _gram_pays(data: TrainingData, n_epochs: int) -> bool:
    """Whether building the Gram and running on it takes fewer multiply-adds than running on the rows."""
    (n_targets, n_features), n_samples = data.shape, len(data.X)
    on_gram = 0.5 * n_samples * n_features**2 + n_epochs * n_features**2 * n_targets
    return on_gram <= n_epochs * 2.0 * n_samples * n_features * n_targets


@single_threaded
def _train(data: TrainingData, gram: Gram | None, plan: Plan, rng: np.random.Generator, monitor: Monitor) -> TrainedShrinkNet:
    run = Run(data, gram, plan, rng)
    try:
        with monitor.defer_interrupts(), monitor.watch():
            run.follow(monitor)
    except CallbackError as error:
        raise SolveError(
            f"{error} raised {error.__cause__!r}; the result so far is in this error's .result", _result(run, monitor)
        ) from error.__cause__
    if monitor.interrupted:
        monitor.limit = Limit.INTERRUPT
    if run.log.diverged:
        warn_user(
            f"training diverged in epoch {run.log.n_epochs + 1}: the loss is 1e8 times what it was at the start; the best state "
            f"before is returned. Write lr={plan.stepper.lr / 10:.2g}, or standardise X and Y",
            ConvergenceWarning,
        )
    return _result(run, monitor)


def _result(run: Run, monitor: Monitor) -> TrainedShrinkNet:
    """The model that the run stands for: the state reached, or the best one before it diverged."""
    data, plan = run.data, run.plan
    state = run.best if run.log.diverged else run.state
    variables, live = state.variables, state.live[state.variables.alive]
    A, beta = np.zeros(data.shape), np.zeros(data.shape[1])
    A[:, live] = variables.A[:, variables.alive]
    beta[live] = gates(variables.beta, plan.penalty.gate)[variables.alive]
    coef = A * beta
    intercept, loss = variables.b.copy(), math.nan
    if len(live):
        loss = data.loss_of(coef, intercept)
    else:
        intercept, loss = data.null_intercept, data.null_loss
    objective = loss + penalty_value(variables, plan.penalty)
    gap = objective / data.null_loss if data.null_loss > 0 else math.inf
    return TrainedShrinkNet(
        coef=coef,
        intercept=intercept,
        A=A,
        beta=beta,
        loss=loss,
        objective=objective,
        null_loss=data.null_loss,
        status=Status.FAILED if run.log.diverged else Status.FEASIBLE,
        limit=monitor.limit,
        certificate=Certificate(Kind.NONE, objective, 0.0, gap, 0.0),
        losses=np.concatenate([np.empty(0), *run.log.losses]),
        ledger=run.ledger(),
        events=tuple(run.log.events),
        lam=plan.penalty.lam,
        lam2=plan.penalty.lam2,
        p=plan.penalty.p,
        removal=plan.removal,
        gate=next(name for name, gate in GATES.items() if gate == plan.penalty.gate),
        family=data.loss,
        classes=data.classes,
        is_vector=data.is_vector,
        elapsed=monitor.elapsed,
    )
