"""The one way to compile a kernel, and operations whose implementation follows the type of their first argument.

``@kernel`` compiles a function with Numba, on its first call, and keeps the machine code on disk. Numba's own cache looks only
at the file in which a function stands: an edit in another file that the function inlines, or an upgraded Numba, leaves a stale
kernel that returns wrong numbers. Here the cache folder carries a digest of *all* kernel sources of the package and of the
Numba version, so any edit starts a new folder.

``@helper`` marks a function that kernels call. ``@operation`` declares a function such as ``prox(penalty, ...)``, and
``@implements(prox, SomeKernel)`` gives it a body for one NamedTuple class. The same bodies serve compiled and plain Python, so
``NUMBA_DISABLE_JIT=1`` runs the same code. A kernel that is specialised to a class defined outside this package is compiled in
memory only: its source is not part of the digest.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numba.core.config
from numba.core import types
from numba.extending import overload, register_jitable

from solvers.errors import IncompatibleError

_PACKAGE = Path(__file__).parent
_MARKER = "solvers._compile"
# Strict IEEE arithmetic (no fastmath): certificates rest on it. error_model="numpy": a division by zero is inf, not an exception.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_config: Any = numba.core.config
_decorating = threading.RLock()
_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel_sources(package: Path = _PACKAGE) -> list[Path]:
    """All files of the package that take part in compiling: this one and each that imports from it."""
    return [path for path in sorted(package.rglob("*.py")) if _MARKER in path.read_text(encoding="utf-8")]


def kernel_digest(package: Path = _PACKAGE) -> str:
    """Digest of every kernel source and of the versions that turn it into machine code."""
    digest = hashlib.sha256(f"numba {numba.__version__}".encode())
    for path in kernel_sources(package):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_root() -> Path:
    """Folder above all kernel caches: ``SOLVERS_CACHE_DIR``, else ``NUMBA_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("SOLVERS_CACHE_DIR") or os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("shrinknet-solvers", appauthor=False))


@cache
def cache_folder() -> Path | None:
    """The kernel cache of this version of the sources, or None where it cannot be written."""
    folder = cache_root() / f"kernels-{kernel_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return None
    return folder


@contextmanager
def _cache_dir(folder: Path) -> Iterator[None]:
    with _decorating:
        previous = _config.CACHE_DIR
        _config.CACHE_DIR = str(folder)
        try:
            yield
        finally:
            _config.CACHE_DIR = previous


def _is_foreign(argument: object) -> bool:
    return isinstance(argument, tuple) and type(argument).__module__.partition(".")[0] not in ("solvers", "builtins")


class Kernel:
    """A function compiled on first call; see the module's docstring. Called with the arguments of the function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        update_wrapper(self, function)

    @property
    def cached(self) -> Any:
        """The dispatcher whose machine code is kept on disk."""
        if "_cached" not in self.__dict__:
            folder = cache_folder()
            if folder is None or _config.DISABLE_JIT:
                self._cached = self.uncached
            else:
                with _cache_dir(folder):
                    self._cached = numba.njit(self.function, cache=True, **_OPTIONS)
        return self._cached

    @property
    def uncached(self) -> Any:
        """The dispatcher that compiles in memory only, for classes defined outside this package."""
        if "_uncached" not in self.__dict__:
            self._uncached = numba.njit(self.function, **_OPTIONS)
        return self._uncached

    def __call__(self, *arguments: Any) -> Any:
        dispatcher = self.uncached if any(map(_is_foreign, arguments)) else self.cached
        return dispatcher(*arguments)


def kernel(function: Callable[..., Any]) -> Kernel:
    """Compile ``function`` with Numba on its first call and keep the machine code on disk."""
    return Kernel(function)


def helper(function: _Function) -> _Function:
    """Let kernels call ``function``, compiled into them; called from Python it stays the plain function that it is."""
    return register_jitable(**_OPTIONS)(function)


_implementations: dict[Callable[..., Any], dict[type, Callable[..., Any]]] = {}


def operation(declaration: Callable[..., Any]) -> Callable[..., Any]:
    """Declare an operation: a function that runs the implementation registered for the type of its first argument.

    The declaration gives name, arguments and docstring; its body is never run.
    """
    bodies: dict[type, Callable[..., Any]] = {}

    def operate(*arguments: Any) -> Any:
        try:
            body = bodies[type(arguments[0])]
        except KeyError:
            raise NotImplementedError(_missing(declaration.__name__, type(arguments[0]).__name__)) from None
        return body(*arguments)

    update_wrapper(operate, declaration)
    _implementations[operate] = bodies

    # An all-float NamedTuple is a NamedUniTuple to Numba: both classes carry instance_class, only the base class is common.
    def choose(*arguments: Any) -> Callable[..., Any] | None:
        first: Any = arguments[0]
        return bodies.get(first.instance_class) if isinstance(first, cast(Any, types.BaseNamedTuple)) else None

    # Not strict: `choose` takes any arguments, the bodies name theirs.
    cast(Any, overload)(operate, strict=False, jit_options=dict(_OPTIONS))(choose)
    return operate


def implements(operation: Callable[..., Any], kernel_class: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the body of ``operation`` for kernels of class ``kernel_class``.

    Raises
    ------
    IncompatibleError
        If ``operation`` is none, or ``kernel_class`` is no NamedTuple class.
    TypeError
        If that operation already has a body for the class: kernels compiled before would not see a second one.
    """
    if operation not in _implementations:
        names = ", ".join(known.__name__ for known in _implementations)
        raise IncompatibleError(f"operation must be one of {names}, got {operation!r}")
    if not (isinstance(kernel_class, type) and issubclass(kernel_class, tuple) and hasattr(kernel_class, "_fields")):
        raise IncompatibleError(f"kernel_class must be a NamedTuple class, got {kernel_class!r}")

    def register(body: Callable[..., Any]) -> Callable[..., Any]:
        bodies = _implementations[operation]
        if kernel_class in bodies:
            raise TypeError(f"{operation.__name__} already has an implementation for {kernel_class.__name__}")
        bodies[kernel_class] = helper(body)
        return body

    return register


def require_operations(kernel: object, *operations: Callable[..., Any]) -> None:
    """Raise unless each operation has a body for the class of ``kernel``: before Numba finds out, at length."""
    for operation in operations:
        if type(kernel) not in _implementations[operation]:
            raise NotImplementedError(_missing(operation.__name__, type(kernel).__name__))


def _missing(operation: str, kernel_class: str) -> str:
    return f"{operation} has no implementation for {kernel_class}: write one with @implements({operation}, {kernel_class})"
