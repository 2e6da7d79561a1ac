"""Exceptions and warnings: each names the argument, what was expected, what came, and what to write instead."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from types import ModuleType
from typing import Any


class InputError(ValueError):
    """An argument has a wrong value: a shape, a range, a NaN, an unknown name."""


class IncompatibleError(TypeError):
    """An argument has a wrong type, or two arguments that are valid alone cannot be combined."""


class MissingDependencyError(ImportError):
    """An optional package is not installed; the message holds the ``pip install`` line."""


class SolveError(RuntimeError):
    """A computation was broken off by an error; nothing computed is lost.

    Attributes
    ----------
    result : object
        The best answer so far, of the type the call would have returned. The original error is ``__cause__``.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


class ConvergenceWarning(UserWarning):
    """A result is usable but its certificate does not meet ``tol``; the message states both numbers."""


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the line outside this package that called into it, however deep inside the warning arises."""
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def is_installed(module: str) -> bool:
    """Whether ``module`` can be imported, found out without importing it."""
    return importlib.util.find_spec(module) is not None


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional module, or say how to get it.

    Parameters
    ----------
    module : str
        Dotted name of the module to import.
    extra : str
        The extra of this distribution that installs it.
    purpose : str
        What needs the module, for the message.

    Raises
    ------
    MissingDependencyError
        If the package that holds the module is not installed.
    """
    package = module.partition(".")[0]
    if not is_installed(package):
        raise MissingDependencyError(
            f"{purpose} needs the package {package!r}, which is not installed: pip install 'shrinknet-solvers[{extra}]'"
        )
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if package == "ortools" and "highspy" in sys.modules:
            # Both carry a library of HiGHS; the second to be loaded finds the functions of the first.
            raise MissingDependencyError(
                f"{purpose} needs OR-Tools, which cannot be loaded after highspy (CVXPY loads it): write "
                "'import ortools.sat.python.cp_model' before 'import cvxpy'"
            ) from error
        raise
