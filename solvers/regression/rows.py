"""Norms of the rows of coefficients in canonical form: a row is a group."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def row_norms(B: Array) -> Array:
    """``||B_j||_2`` of each row."""
    return np.sqrt(np.sum(B * B, axis=1))
