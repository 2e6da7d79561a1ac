"""Solvers for the convex and combinatorial core of learning a neural network's size: each answer carries its certificate.

>>> import numpy as np
>>> from solvers import GroupSparsity, solve
>>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
>>> fit = solve(X, X[:, 0], GroupSparsity(0.1))
>>> fit.support, fit.certificate.holds
(array([0]), True)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public names and where they live, loaded when first used (PEP 562): `import solvers` stays fast.
_HOME = {
    "solvers.errors": [
        "ConvergenceWarning",
        "IncompatibleError",
        "InputError",
        "MissingDependencyError",
        "SolveError",
    ],
    "solvers.lottery.answers": ["SubsetSum", "SubsetSums"],
    "solvers.lottery.bounds": ["CandidatesNeeded", "candidates_law", "candidates_needed", "lower_bound", "width_lower_bound"],
    "solvers.lottery.joint": ["CommonSubset", "allocate_subsets", "common_subset"],
    "solvers.lottery.prune": ["prune_to_network"],
    "solvers.lottery.tickets": ["LotteryTicket"],
    "solvers.lottery.subset_sum": ["subset_sum", "subset_sums"],
    "solvers.networks": ["ReluNetwork"],
    "solvers.results": ["Certificate", "Kind", "Limit", "Status", "saveable"],
    "solvers._progress": ["Progress"],
    "solvers._compile": ["implements"],
    "solvers.checking.loss_checks": ["check_loss"],
    "solvers.checking.penalty_checks": ["check_penalty"],
    "solvers.checking.report": ["PropertyCheck", "PropertyReport"],
    "solvers.estimators.classifiers": [
        "GroupSparsityClassifier",
        "GroupSparsityClassifierCV",
        "ShrinkNetClassifier",
        "ShrinkNetClassifierCV",
    ],
    "solvers.estimators.regressors": [
        "GroupSparsityRegressor",
        "GroupSparsityRegressorCV",
        "ShrinkNetRegressor",
        "ShrinkNetRegressorCV",
    ],
    "solvers.regression.penalties": ["GroupSparsity", "Penalty", "prox", "subdiff_distance", "value"],
    "solvers.plots": ["plot_candidates", "plot_loss", "plot_norms"],
    "solvers.regression.certify": ["certify"],
    "solvers.regression.criteria": ["InformationCriteria"],
    "solvers.regression.dask_gram": ["gram_from_dask"],
    "solvers.regression.fit": ["Fit"],
    "solvers.regression.global_search": ["GlobalCertificate"],
    "solvers.regression.gram": ["Gram"],
    "solvers.regression.linear_model": ["LinearModel"],
    "solvers.regression.losses": ["LogisticLoss", "Loss", "MultinomialLoss", "SquaredLoss"],
    "solvers.regression.path": ["Path", "RelaxedPath", "solve_path"],
    "solvers.regression.training.removal": ["FirstSignChange", "NoRemoval", "Removal", "SignVariance", "Threshold"],
    "solvers.regression.shrinknet": ["Factors", "RegularizedShrinkNet", "ShrinkNet"],
    "solvers.regression.solver": ["lambda_max", "lambda_zero", "refit", "solve"],
    "solvers.regression.training.procedure": ["TrainedShrinkNet", "train_repeats", "train_shrinknet"],
    "solvers.regression.training.ledger": ["CostLedger", "RemovalEvent"],
    "solvers.regression.training.network": ["TrainedNetwork", "train_network"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    from solvers._compile import implements as implements
    from solvers._progress import Progress as Progress
    from solvers.checking.loss_checks import check_loss as check_loss
    from solvers.checking.penalty_checks import check_penalty as check_penalty
    from solvers.checking.report import PropertyCheck as PropertyCheck
    from solvers.checking.report import PropertyReport as PropertyReport
    from solvers.errors import ConvergenceWarning as ConvergenceWarning
    from solvers.errors import IncompatibleError as IncompatibleError
    from solvers.errors import InputError as InputError
    from solvers.errors import MissingDependencyError as MissingDependencyError
    from solvers.errors import SolveError as SolveError
    from solvers.estimators.classifiers import GroupSparsityClassifier as GroupSparsityClassifier
    from solvers.estimators.classifiers import GroupSparsityClassifierCV as GroupSparsityClassifierCV
    from solvers.estimators.classifiers import ShrinkNetClassifier as ShrinkNetClassifier
    from solvers.estimators.classifiers import ShrinkNetClassifierCV as ShrinkNetClassifierCV
    from solvers.estimators.regressors import GroupSparsityRegressor as GroupSparsityRegressor
    from solvers.estimators.regressors import GroupSparsityRegressorCV as GroupSparsityRegressorCV
    from solvers.estimators.regressors import ShrinkNetRegressor as ShrinkNetRegressor
    from solvers.estimators.regressors import ShrinkNetRegressorCV as ShrinkNetRegressorCV
    from solvers.lottery.answers import SubsetSum as SubsetSum
    from solvers.lottery.answers import SubsetSums as SubsetSums
    from solvers.lottery.bounds import CandidatesNeeded as CandidatesNeeded
    from solvers.lottery.bounds import candidates_law as candidates_law
    from solvers.lottery.bounds import candidates_needed as candidates_needed
    from solvers.lottery.bounds import lower_bound as lower_bound
    from solvers.lottery.bounds import width_lower_bound as width_lower_bound
    from solvers.lottery.joint import CommonSubset as CommonSubset
    from solvers.lottery.joint import allocate_subsets as allocate_subsets
    from solvers.lottery.joint import common_subset as common_subset
    from solvers.lottery.prune import prune_to_network as prune_to_network
    from solvers.lottery.subset_sum import subset_sum as subset_sum
    from solvers.lottery.subset_sum import subset_sums as subset_sums
    from solvers.lottery.tickets import LotteryTicket as LotteryTicket
    from solvers.networks import ReluNetwork as ReluNetwork
    from solvers.plots import plot_candidates as plot_candidates
    from solvers.plots import plot_loss as plot_loss
    from solvers.plots import plot_norms as plot_norms
    from solvers.regression.certify import certify as certify
    from solvers.regression.criteria import InformationCriteria as InformationCriteria
    from solvers.regression.dask_gram import gram_from_dask as gram_from_dask
    from solvers.regression.fit import Fit as Fit
    from solvers.regression.global_search import GlobalCertificate as GlobalCertificate
    from solvers.regression.gram import Gram as Gram
    from solvers.regression.linear_model import LinearModel as LinearModel
    from solvers.regression.losses import LogisticLoss as LogisticLoss
    from solvers.regression.losses import Loss as Loss
    from solvers.regression.losses import MultinomialLoss as MultinomialLoss
    from solvers.regression.losses import SquaredLoss as SquaredLoss
    from solvers.regression.path import Path as Path
    from solvers.regression.path import RelaxedPath as RelaxedPath
    from solvers.regression.path import solve_path as solve_path
    from solvers.regression.penalties import GroupSparsity as GroupSparsity
    from solvers.regression.penalties import Penalty as Penalty
    from solvers.regression.penalties import prox as prox
    from solvers.regression.penalties import subdiff_distance as subdiff_distance
    from solvers.regression.penalties import value as value
    from solvers.regression.shrinknet import Factors as Factors
    from solvers.regression.shrinknet import RegularizedShrinkNet as RegularizedShrinkNet
    from solvers.regression.shrinknet import ShrinkNet as ShrinkNet
    from solvers.regression.solver import lambda_max as lambda_max
    from solvers.regression.solver import lambda_zero as lambda_zero
    from solvers.regression.solver import refit as refit
    from solvers.regression.solver import solve as solve
    from solvers.regression.training.ledger import CostLedger as CostLedger
    from solvers.regression.training.ledger import RemovalEvent as RemovalEvent
    from solvers.regression.training.network import TrainedNetwork as TrainedNetwork
    from solvers.regression.training.network import train_network as train_network
    from solvers.regression.training.procedure import TrainedShrinkNet as TrainedShrinkNet
    from solvers.regression.training.procedure import train_repeats as train_repeats
    from solvers.regression.training.procedure import train_shrinknet as train_shrinknet
    from solvers.regression.training.removal import FirstSignChange as FirstSignChange
    from solvers.regression.training.removal import NoRemoval as NoRemoval
    from solvers.regression.training.removal import Removal as Removal
    from solvers.regression.training.removal import SignVariance as SignVariance
    from solvers.regression.training.removal import Threshold as Threshold
    from solvers.results import Certificate as Certificate
    from solvers.results import Kind as Kind
    from solvers.results import Limit as Limit
    from solvers.results import Status as Status
    from solvers.results import saveable as saveable


def __getattr__(name: str) -> Any:
    try:
        module = _MODULE_OF[name]
    except KeyError:
        raise AttributeError(f"module 'solvers' has no attribute {name!r}") from None
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
