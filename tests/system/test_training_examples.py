"""The lesson on removal and the training benchmark run as their readers run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "SOLVERS_DATA"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=EXAMPLES.parent, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_lesson_shows_what_it_says():
    text = run("examples/removal_while_training.py", "--repeats", "4")
    rows = {name.strip(): float(loss) for name, loss in re.findall(r"^(none|gamma = [\d.]+(?:, mean 1)?) +([\d.]+)", text, re.M)}
    assert len(rows) == 11
    # Started at their own signs, switches of useful inputs survive; started at 1, half of them do not.
    assert rows["none"] < 0.1
    for gamma in ("0", "0.9", "0.99", "0.999", "0.9999"):
        assert rows[f"gamma = {gamma}"] < rows[f"gamma = {gamma}, mean 1"]
    prices = [float(price) for price in re.findall(r"^ +10+ +([\d.]+) +[\d.]+ +[\d.]+$", text, re.M)]
    assert len(prices) == 3
    assert prices == sorted(prices, reverse=True)
    exact, best = re.search(r"objective\s+([\d.]+) with.*end between ([\d.]+)", text, re.S).groups()
    assert float(best) >= float(exact) - 1e-6


def test_the_benchmark_runs():
    pytest.importorskip("sklearn")
    text = run("examples/benchmarks/training.py", "--quick")
    assert len(re.findall(r"ratio +[\d.]+", text)) >= 4
    assert "PyTorch" in text
