"""The compile layer: machine code is kept on disk, and never served stale."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

import solvers
from solvers import _compile, implements, prox
from solvers._arrays import as_matrix
from solvers._compile import cache_folder, cache_root, kernel, kernel_digest, kernel_sources, operation, require_operations
from solvers.regression.penalties import GroupSparsityKernel, subdiff_distance, value

PACKAGE = Path(solvers.__file__).parent
SOURCES = [path.relative_to(PACKAGE).as_posix() for path in kernel_sources()]
OTHER_FILES = [
    path.relative_to(PACKAGE).as_posix()
    for path in sorted(PACKAGE.rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts and path not in kernel_sources()
]

# The folder of the kernel cache.


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The package, copied, so that its files can be edited."""
    return Path(
        shutil.copytree(PACKAGE, tmp_path_factory.mktemp("copy") / "solvers", ignore=shutil.ignore_patterns("__pycache__"))
    )


@pytest.fixture
def edit(copy):
    """Append a line to files of the copy; they are restored afterwards."""
    before: dict[Path, bytes] = {}

    def append(name: str, line: str = "\n# edited\n") -> None:
        path = copy / name
        before.setdefault(path, path.read_bytes())
        path.write_bytes(before[path] + line.encode())

    yield append
    for path, content in before.items():
        path.write_bytes(content)


@pytest.mark.parametrize("name", SOURCES)
def test_an_edit_in_a_kernel_source_changes_the_digest(name, copy, edit):
    before = kernel_digest(copy)
    edit(name)
    assert kernel_digest(copy) != before


@pytest.mark.parametrize("name", OTHER_FILES)
def test_an_edit_in_another_file_does_not(name, copy, edit):
    before = kernel_digest(copy)
    edit(name)
    assert kernel_digest(copy) == before


def test_a_kernel_source_that_moves_changes_the_digest(copy):
    before = kernel_digest(copy)
    (copy / "regression" / "states.py").rename(copy / "regression" / "descending.py")
    moved = kernel_digest(copy)
    (copy / "regression" / "descending.py").rename(copy / "regression" / "states.py")
    assert moved != before
    assert kernel_digest(copy) == before


def test_a_new_kernel_source_changes_the_digest(copy):
    before, new = kernel_digest(copy), copy / "new.py"
    new.write_text("from solvers._compile import kernel\n")
    assert kernel_digest(copy) != before
    new.unlink()


def test_another_numba_changes_the_digest(monkeypatch):
    before = kernel_digest()
    monkeypatch.setattr(numba, "__version__", "0.0.1")
    assert kernel_digest() != before


def test_a_copy_elsewhere_has_the_same_digest(copy):
    assert kernel_digest(copy) == kernel_digest()


COMPILING = {"kernel", "operation", "implements", "njit", "jit", "register_jitable", "overload", "vectorize", "guvectorize"}


def uses_the_compile_layer(path: Path) -> bool:
    """Whether the file decorates a function with, or calls, a name that compiles (``penalty.kernel(...)`` is none)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        named = [*getattr(node, "decorator_list", []), *([node.func] if isinstance(node, ast.Call) else [])]
        if any(isinstance(name, ast.Name) and name.id in COMPILING for name in named):
            return True
        if any(isinstance(name, ast.Attribute) and name.attr in COMPILING - {"kernel"} for name in named):
            return True
    return False


def test_every_file_that_is_compiled_is_a_kernel_source():
    compiled = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if uses_the_compile_layer(path)}
    assert {"_compile.py", "regression/penalties.py", "regression/states.py"} <= compiled
    assert compiled <= set(SOURCES)


@pytest.mark.parametrize("name", ["errors.py", "results.py", "_arrays.py", "regression/fit.py", "regression/certificates.py"])
def test_files_without_kernels_are_no_kernel_sources(name):
    assert name in OTHER_FILES


def compiled_functions(tree: ast.Module) -> list[ast.FunctionDef]:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [f for f in functions if any(word in ast.unparse(d) for d in f.decorator_list for word in ("kernel", "implements"))]


def file_of(module: str | None) -> str:
    """The file of a module of the package, relative to it."""
    parts = (module or "").split(".")[1:]
    return "/".join([*parts[:-1], f"{parts[-1]}.py"]) if parts else "__init__.py"


@pytest.mark.parametrize("name", SOURCES)
def test_what_a_compiled_function_uses_stands_in_a_kernel_source(name):
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("solvers")]
    home = {alias.asname or alias.name: file_of(node.module) for node in imports for alias in node.names}
    for function in compiled_functions(tree):
        used = {node.id for statement in function.body for node in ast.walk(statement) if isinstance(node, ast.Name)}
        assert {home[word] for word in used & set(home)} <= set(SOURCES), function.name


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty kernel cache of this process's own."""
    monkeypatch.setenv("SOLVERS_CACHE_DIR", str(tmp_path))
    cache_folder.cache_clear()
    yield tmp_path
    cache_folder.cache_clear()


def test_the_cache_folder_carries_the_digest(cache):
    assert cache_folder() == cache / f"kernels-{kernel_digest()}"
    assert cache_folder().is_dir()


def test_looking_for_the_folder_leaves_no_files(cache):
    assert list(cache_folder().iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "root"),
    [
        ({"SOLVERS_CACHE_DIR": "ours", "NUMBA_CACHE_DIR": "numba"}, "ours"),
        ({"NUMBA_CACHE_DIR": "numba"}, "numba"),
        ({"SOLVERS_CACHE_DIR": "", "NUMBA_CACHE_DIR": "numba"}, "numba"),
    ],
)
def test_the_environment_chooses_the_root(variables, root, monkeypatch):
    for name in ("SOLVERS_CACHE_DIR", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert cache_root() == Path(root)


def test_without_it_the_root_is_the_users_cache(monkeypatch):
    for name in ("SOLVERS_CACHE_DIR", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert cache_root().is_absolute()
    assert "shrinknet-solvers" in cache_root().parts


def test_a_folder_that_cannot_be_made_means_no_cache(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SOLVERS_CACHE_DIR", str(tmp_path / "file" / "below"))
    cache_folder.cache_clear()
    assert cache_folder() is None
    cache_folder.cache_clear()


def test_a_folder_that_cannot_be_written_means_no_cache(cache, monkeypatch):
    def refuse(**_):
        raise PermissionError

    monkeypatch.setattr("solvers._compile.tempfile", SimpleNamespace(TemporaryFile=refuse))
    assert cache_folder() is None


# Decorating.


def double(x):
    return 2 * x


@pytest.fixture
def decorating(cache, monkeypatch):
    """Stands in for Numba's decorator; lists the cache folder in force and the options at each call."""
    seen: list[tuple[str, dict[str, Any]]] = []

    def njit(function, **options):
        seen.append((_compile._config.CACHE_DIR, options))
        return function

    monkeypatch.setattr(_compile.numba, "njit", njit)
    monkeypatch.setattr(_compile._config, "DISABLE_JIT", 0)
    monkeypatch.setattr(_compile._config, "CACHE_DIR", "as it was")
    return seen


def test_numbas_cache_folder_is_restored_after_decorating(decorating):
    kernel(double)(3)
    assert [folder for folder, _ in decorating] == [str(cache_folder())]
    assert numba.config.CACHE_DIR == "as it was"


def test_numbas_cache_folder_is_restored_if_decorating_raises(decorating, monkeypatch):
    def fail(function, **options):
        decorating.append((_compile._config.CACHE_DIR, options))
        raise ZeroDivisionError

    monkeypatch.setattr(_compile.numba, "njit", fail)
    with pytest.raises(ZeroDivisionError):
        kernel(double)(3)
    assert [folder for folder, _ in decorating] == [str(cache_folder())]
    assert numba.config.CACHE_DIR == "as it was"


def test_a_kernel_is_decorated_on_its_first_call_and_only_then(decorating):
    doubled = kernel(double)
    assert decorating == []
    assert [doubled(3), doubled(4)] == [6, 8]
    assert len(decorating) == 1


def test_kernels_release_the_lock_and_keep_ieee_arithmetic(decorating):
    kernel(double)(3)
    assert decorating[0][1] == {"cache": True, "nogil": True, "error_model": "numpy"}


class Foreign(NamedTuple):
    factor: float


def test_a_kernel_for_a_class_from_outside_the_package_is_not_kept(decorating):
    kernel(lambda penalty, x: penalty.factor * x)(Foreign(3.0), 2.0)
    ((folder, options),) = decorating
    assert folder == "as it was"
    assert "cache" not in options


def test_a_kernel_for_a_class_of_the_package_is_kept(decorating):
    kernel(lambda penalty, x: x)(GroupSparsityKernel(np.ones(2)), 2.0)
    assert decorating[0][1]["cache"] is True


def test_a_kernel_keeps_name_and_docstring():
    from solvers.regression.states import sweep

    assert sweep.__name__ == "sweep"
    assert "cyclic pass" in (sweep.__doc__ or "")


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_arrays_that_differ_only_in_ownership_share_one_compiled_version(cache):
    A = np.arange(6.0).reshape(2, 3)
    np.save(cache / "A.npy", A)
    total = kernel(lambda A: A.sum())
    views = [as_matrix(A), as_matrix(np.load(cache / "A.npy", mmap_mode="r")), as_matrix(A.tolist()), as_matrix(A.astype(int))]
    assert [total(view) for view in views] == [15.0] * 4
    assert len(total.cached.signatures) == 1


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("writeable", [True, False])
def test_a_kernel_takes_read_only_and_writeable_arrays_of_either_order(order, writeable, cache):
    A = np.array([[1.0, 2.0], [3.0, 4.0]], order=order)
    A.flags.writeable = writeable
    assert kernel(lambda A: A[0, 1] - A[1, 0])(A) == -1.0


# Operations.


@operation
def scaled(penalty: Any, x: float) -> float:
    """A factor times x."""
    raise AssertionError("the body of a declaration is never run")


@implements(scaled, Foreign)
def scaled_by_factor(penalty, x):
    return penalty.factor * x


class Stranger(NamedTuple):
    lam: float


def test_an_operation_runs_the_body_of_its_first_argument():
    assert scaled(Foreign(3.0), 2.0) == 6.0


def test_an_operation_runs_the_same_body_in_a_kernel(cache):
    assert kernel(lambda penalty, x: scaled(penalty, x))(Foreign(3.0), 2.0) == 6.0


def test_an_operation_keeps_name_and_docstring():
    assert (scaled.__name__, scaled.__doc__) == ("scaled", "A factor times x.")


def test_the_body_can_still_be_called_by_its_name():
    assert scaled_by_factor(Foreign(3.0), 2.0) == 6.0


def test_a_missing_implementation_says_how_to_write_one():
    with pytest.raises(NotImplementedError) as caught:
        prox(Stranger(0.1), np.ones(2), 1.0, 0, np.ones(2))
    assert str(caught.value) == "prox has no implementation for Stranger: write one with @implements(prox, Stranger)"


def test_a_second_implementation_is_refused():
    with pytest.raises(TypeError, match="prox already has an implementation for GroupSparsityKernel"):
        implements(prox, GroupSparsityKernel)(lambda penalty, z, step, j, out: None)


def test_a_refused_implementation_changes_nothing():
    with pytest.raises(TypeError):
        implements(scaled, Foreign)(lambda penalty, x: -1.0)
    assert scaled(Foreign(3.0), 2.0) == 6.0


def test_missing_implementations_are_named_before_anything_compiles():
    require_operations(GroupSparsityKernel(np.ones(1)), value, prox, subdiff_distance)
    with pytest.raises(NotImplementedError, match=r"prox has no implementation for Stranger: write one with @implements"):
        require_operations(Stranger(1.0), prox)


# Processes: what one leaves on disk, the next one finds. Each starts with no state but the cache folder.

REPORT = """
import json, sys
from solvers._compile import Kernel
kernels = {id(k): k for m in list(sys.modules.values()) for k in vars(m).values() if isinstance(k, Kernel)}.values()
stats = [k.cached.stats for k in kernels if "_cached" in vars(k) and hasattr(k.cached, "stats")]
hits, misses = (sum(sum(getattr(s, which).values()) for s in stats) for which in ("cache_hits", "cache_misses"))
folders = [s.cache_path for s in stats if s.cache_path]
"""

GROUP_SPARSITY = """
import numpy as np
from solvers import GroupSparsity, solve
rng = np.random.default_rng(0)
X = rng.standard_normal((40, 6)); Y = X[:, :2] @ [[1.0, 2.0], [3.0, -1.0]] + 0.1 * rng.standard_normal((40, 2))
fit = solve(X, Y, GroupSparsity(0.3, weights=[1, 1, 2, 0, 1, 1]), tol=1e-12)
coef = fit.coef.tolist()
"""

SWEEP = """
import numpy as np
from solvers.regression.states import sweep
from solvers.regression.penalties import GroupSparsityKernel
B, G = np.zeros((3, 1)), np.array([[1.0], [2.0], [3.0]])
sweep(np.eye(3), GroupSparsityKernel(np.full(3, 0.5)), B, G)
coef = B[:, 0].tolist()
"""


def run(
    script: str, cache: Path | str, *, package: Path = PACKAGE, folder: Path | None = None, **variables: str
) -> SimpleNamespace:
    """Run a script in a new process; what it found as ``coef``, ``hits``, ``misses`` and ``folders``."""
    unset = ("NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "PYTHONPATH")
    search = os.pathsep.join(map(str, [package.parent, *([folder] if folder else [])]))
    environment = {name: text for name, text in os.environ.items() if name not in unset}
    environment |= {"SOLVERS_CACHE_DIR": str(cache), "PYTHONPATH": search} | variables
    script += REPORT + "import solvers\nprint(json.dumps([coef, hits, misses, folders, solvers.__file__]))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=package.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    coef, hits, misses, folders, home = json.loads(done.stdout)
    assert Path(home).parent == package
    return SimpleNamespace(coef=coef, hits=hits, misses=misses, folders=folders)


def files_in(cache: Path) -> dict[str, int]:
    return {path.relative_to(cache).as_posix(): path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that one process has filled, and what that process found."""
    cache = tmp_path_factory.mktemp("cache")
    return SimpleNamespace(cache=cache, first=run(GROUP_SPARSITY, cache), files=files_in(cache))


def test_a_first_process_compiles_and_leaves_its_code(warm):
    assert warm.first.hits == 0
    assert warm.first.misses > 0
    assert {Path(name).suffix for name in warm.files} == {".nbi", ".nbc"}
    assert all(name.startswith(f"kernels-{kernel_digest()}/") for name in warm.files)


def test_a_second_process_hits_the_cache(warm):
    second = run(GROUP_SPARSITY, warm.cache)
    assert second.hits > 0
    assert second.misses == 0
    assert second.coef == warm.first.coef
    assert files_in(warm.cache) == warm.files


def test_without_compiling_the_same_code_runs(warm):
    plain = run(GROUP_SPARSITY, warm.cache, NUMBA_DISABLE_JIT="1")
    assert (plain.hits, plain.misses) == (0, 0)
    np.testing.assert_allclose(plain.coef, warm.first.coef, rtol=0, atol=1e-12)


def test_without_a_writable_folder_all_runs_uncached(warm, tmp_path):
    (tmp_path / "file").write_text("in the way")
    uncached = run(GROUP_SPARSITY, tmp_path / "file" / "below")
    assert uncached.folders == []
    assert uncached.misses > 0
    assert uncached.coef == warm.first.coef


def test_an_edit_in_the_body_of_an_operation_is_seen_by_a_kernel_in_another_file(copy, edit, tmp_path):
    before = run(SWEEP, tmp_path, package=copy)
    assert before.coef == [0.5, 1.5, 2.5]
    edit("regression/penalties.py", EDITED_PROX)
    after = run(SWEEP, tmp_path, package=copy)
    assert after.coef == [0.25, 0.75, 1.25]
    assert (before.hits, after.hits) == (0, 0)
    assert set(before.folders).isdisjoint(after.folders)


EDITED_PROX = """
from solvers import _compile

del _compile._implementations[prox][GroupSparsityKernel]

@implements(prox, GroupSparsityKernel)
def halved_prox(penalty, z, step, j, out):
    group_prox(penalty, z, step, j, out)
    out *= 0.5

from numba.extending import register_jitable
group_prox = register_jitable(group_prox)
"""

# Minimises the loss plus FACTOR * lam/2 ||coef||^2. Loops, for they compile faster than array expressions.
RIDGE = """
from dataclasses import dataclass
from typing import NamedTuple
from solvers import Penalty, implements, prox, subdiff_distance, value

class RidgeOfMineKernel(NamedTuple):
    lam: float

@dataclass(frozen=True)
class RidgeOfMine(Penalty):
    lam: float

    def kernel(self, n_features):
        return RidgeOfMineKernel(float(self.lam))

@implements(value, RidgeOfMineKernel)
def ridge_value(penalty, w, j):
    total = 0.0
    for t in range(len(w)):
        total += 0.5 * FACTOR * penalty.lam * w[t] ** 2
    return total

@implements(prox, RidgeOfMineKernel)
def ridge_prox(penalty, z, step, j, out):
    for t in range(len(z)):
        out[t] = z[t] / (1.0 + step * FACTOR * penalty.lam)

@implements(subdiff_distance, RidgeOfMineKernel)
def ridge_distance(penalty, w, g, j):
    total = 0.0
    for t in range(len(w)):
        total += (g[t] - FACTOR * penalty.lam * w[t]) ** 2
    return total ** 0.5
"""

SOLVE_RIDGE = """
import numpy as np
from solvers import GroupSparsity, solve
from penalty_of_mine import RidgeOfMine
X = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
coef = solve(X, X @ [3.0, 6.0], RidgeOfMine(0.5), tol=1e-12).coef.tolist()
"""


def test_a_penalty_of_ones_own_is_never_served_stale(tmp_path):
    cache, module = tmp_path / "cache", tmp_path / "penalty_of_mine.py"
    for factor, shrunk in [("1.0", 1.5), ("4.0", 3.0)]:
        module.write_text(RIDGE.replace("FACTOR", factor))
        found = run(SOLVE_RIDGE, cache, folder=tmp_path)
        np.testing.assert_allclose(found.coef, [[3.0 / shrunk, 6.0 / shrunk]], rtol=1e-10)
        assert found.hits == 0
    assert files_in(cache) == {}


def test_no_cache_file_mentions_a_penalty_of_ones_own(warm, tmp_path):
    (tmp_path / "penalty_of_mine.py").write_text(RIDGE.replace("FACTOR", "1.0"))
    shutil.copytree(warm.cache, tmp_path / "cache")
    both = run(SOLVE_RIDGE + GROUP_SPARSITY, tmp_path / "cache", folder=tmp_path)
    assert both.hits > 0, "the package's own kernels still come from the cache"
    assert both.coef == warm.first.coef
    contents = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert any(b"GroupSparsityKernel" in content for content in contents)
    assert not any(name in content for content in contents for name in (b"RidgeOfMine", b"penalty_of_mine", b"ridge_prox"))
