"""The scikit-learn face: estimators around `solve` and `solve_path`, for pipelines, searches and cross-validation."""

from __future__ import annotations

from solvers.errors import require

require("sklearn", extra="sklearn", purpose="an estimator")
