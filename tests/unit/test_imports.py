"""`import solvers` is light, and each public name is where the package says it is."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import solvers

PACKAGE = Path(solvers.__file__).parent
HEAVY = [
    "numba",
    "llvmlite",
    "scipy",
    "sklearn",
    "cvxpy",
    "ortools",
    "matplotlib",
    "joblib",
    "threadpoolctl",
    "platformdirs",
    "rich",
    "click",
]


def fresh(script: str) -> object:
    """What a script prints, as JSON, in a new process."""
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def loaded_by(statement: str) -> set[str]:
    """The modules that a statement loads beyond those that NumPy and the interpreter have loaded before."""
    script = (
        f"import json, sys, numpy; before = set(sys.modules); {statement}; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    modules = fresh(script)
    assert isinstance(modules, list)
    return set(modules)


def test_importing_the_package_loads_no_heavy_module():
    loaded = {name.partition(".")[0] for name in loaded_by("import solvers")}
    assert "solvers" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_importing_the_package_loads_few_modules_at_all():
    assert len(loaded_by("import solvers; dir(solvers); solvers.__all__; solvers.__version__")) < 10


def test_results_and_errors_stay_light():
    loaded = loaded_by("from solvers import Certificate, InputError, Status, Progress")
    assert len(loaded) < 40
    assert {name.partition(".")[0] for name in loaded}.isdisjoint(HEAVY)


def test_a_solver_needs_no_optional_package():
    optional = {"sklearn", "cvxpy", "ortools", "matplotlib", "rich", "click", "pandas"}
    loaded = {name.partition(".")[0] for name in loaded_by("from solvers import solve, solve_path, certify, refit")}
    assert "solvers" in loaded
    assert loaded.isdisjoint(optional)


@pytest.mark.parametrize("name", solvers.__all__)
def test_every_public_name_resolves(name):
    assert getattr(solvers, name).__name__ == name


def test_public_names_are_listed_before_they_are_used():
    listed = fresh("import json, solvers; print(json.dumps(dir(solvers)))")
    assert isinstance(listed, list)
    assert set(solvers.__all__) <= set(listed)


def test_a_public_name_is_looked_up_once():
    script = "import json, solvers; names = vars(solvers); before = 'solve' in names; solvers.solve; "
    assert fresh(script + "print(json.dumps([before, 'solve' in names]))") == [False, True]


def test_the_module_lists_its_ordinary_names_too():
    assert {"__version__", "__all__", "__doc__"} <= set(dir(solvers))


@pytest.mark.parametrize("name", ["nonsense", "solve_", "_no_such_private_name"])
def test_an_unknown_name_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=f"module 'solvers' has no attribute '{name}'"):
        getattr(solvers, name)


def test_an_unknown_name_cannot_be_imported():
    with pytest.raises(ImportError, match="nonsense"):
        exec("from solvers import nonsense")


def typed_imports() -> dict[str, str]:
    """Name -> module, as the ``TYPE_CHECKING`` block of the package states for type checkers."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If) and isinstance(n.test, ast.Name) and n.test.id == "TYPE_CHECKING")
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    return {alias.asname or alias.name: node.module or "" for node in imports for alias in node.names}


def test_type_checkers_and_the_lazy_table_see_the_same_names():
    assert typed_imports() == {name: module for module, names in solvers._HOME.items() for name in names}


def test_public_names_are_sorted_and_unique():
    assert solvers.__all__ == sorted(set(solvers.__all__))


def modules() -> list[str]:
    found = [info.name for info in pkgutil.walk_packages([str(PACKAGE)], "solvers.")]
    return ["solvers", *(name for name in found if not name.endswith("__main__"))]


def test_every_module_imports_on_its_own():
    script = f"""
import importlib, json, sys, traceback
failures = {{}}
for name in {modules()!r}:
    for loaded in [key for key in sys.modules if key.partition(".")[0] == "solvers"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        # An extra that is not installed is no fault of the module.
        if (error.name or "solvers").partition(".")[0] == "solvers" and "pip install" not in str(error):
            failures[name] = traceback.format_exc()
    except Exception:
        failures[name] = traceback.format_exc()
print(json.dumps(failures))
"""
    assert fresh(script) == {}


def test_every_module_of_the_package_is_found():
    assert {"solvers._arrays", "solvers._compile", "solvers.regression.solver", "solvers.results"} <= set(modules())
    for module in solvers._HOME:
        assert importlib.import_module(module).__name__ == module
