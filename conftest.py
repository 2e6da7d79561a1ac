"""Settings for every test: one BLAS thread, for problems are small; no deadlines, for kernels compile on first use."""

from __future__ import annotations

import contextlib
import os
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

with contextlib.suppress(ImportError):
    # Before CVXPY: OR-Tools cannot be loaded after the HiGHS that comes with it.
    import ortools.sat.python.cp_model  # noqa: F401

import pytest
from hypothesis import HealthCheck, Phase, settings

_COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=200, derandomize=True, **_COMMON)
settings.register_profile("dev", max_examples=200, **_COMMON)
# For code that is broken on purpose: a failure is wanted, not its smallest example.
settings.register_profile(
    "mutants", max_examples=25, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate], **_COMMON
)
settings.register_profile("thorough", max_examples=5000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's counts to the process that prints the summary."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        from tests.strategies import TALLY

        output["tally"] = TALLY


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the counts of a worker; each test ran in one of them."""
    from tests.strategies import TALLY

    TALLY.update(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many of the generated problems were degenerate, test by test."""
    from tests.strategies import TALLY

    if TALLY:
        terminalreporter.section("degenerate examples")
        for name, (total, degenerate) in sorted(TALLY.items()):
            terminalreporter.write_line(f"{name}: {degenerate} of {total} ({100 * degenerate / total:.0f} %)")
