"""A session of R in a child process: data and answers travel through files in a temporary folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from multinomial import Labels
from problems import Array


class RSession:
    """`glmnet.R`, running until its standard input closes.

    Raises `ImportError` where R or the package is missing, `RuntimeError` where R stops with an error.
    """

    def __init__(self, package: str) -> None:
        program = shutil.which("Rscript")
        if program is None:
            raise ImportError("Rscript is not installed")
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "errors").open("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [program, "--vanilla", str(Path(__file__).with_name(f"{package}.R"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answers = Path(self._folder.name, "answers")
        self._shape = (0, 0)
        try:
            self.version = self._receive()
        except RuntimeError as error:
            self.close()
            raise ImportError(f"the R package {package} is not installed: {error}") from error

    def send_data(self, X: Array, labels: Labels) -> None:
        """Let R read `X` and the labels."""
        path = Path(self._folder.name, "data")
        with path.open("wb") as file:
            X.T.tofile(file)
            labels.astype(np.intc).tofile(file)
        self._shape = (X.shape[1], int(labels.max()) + 1)
        self._send("data", X.shape[0], X.shape[1], path)
        self._receive()
        path.unlink()

    def solve(self, lams: Array, thresh: float) -> float:
        """One call of `glmnet`: its seconds."""
        # Hexadecimal: R reads decimals to within a rounding only.
        self._send("solve", thresh, self._answers, *(float(lam).hex() for lam in lams))
        return float(self._receive())

    def models(self, expected: int, wanted: int) -> Iterator[tuple[Array, Array]]:
        """Coefficients and intercept for the last `wanted` of `expected` lams; none if glmnet left lams out."""
        n_lams = int(self._receive().split()[1])
        n_features, n_classes = self._shape
        if n_lams < expected:
            return
        models = np.fromfile(self._answers).reshape(n_lams, n_classes * (n_features + 1))
        self._answers.unlink()
        for model in models[-wanted:]:
            yield model[:-n_classes].reshape(n_classes, n_features), model[-n_classes:]

    def close(self) -> None:
        """Let R end, and remove the folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._folder.cleanup()

    def _send(self, *words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def _receive(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(" ".join(self._log.read().split())[-200:])
        return line.strip()
