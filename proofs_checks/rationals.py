"""Rational instances in order of size, so that the first counterexample found is the smallest.

The size of a rational number in lowest terms is ``|numerator| + denominator``: 0 has size 1, then come 1 and -1, then 2, -2, 1/2
and -1/2. The size of an instance is the sum over its numbers; among instances of one size those with fewer numbers come first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np


def size_of(value: Fraction) -> int:
    """``|numerator| + denominator``."""
    return abs(value.numerator) + value.denominator


def any_rational(size: int) -> Iterator[Fraction]:
    """All rationals of this size: the larger in absolute value first, positive before negative.

    >>> [str(value) for value in any_rational(5)]
    ['4', '-4', '3/2', '-3/2', '2/3', '-2/3', '1/4', '-1/4']
    """
    for value in positive_rational(size) if size > 1 else (Fraction(0),):
        yield value
        if value:
            yield -value


def positive_rational(size: int) -> Iterator[Fraction]:
    """The positive ones of this size."""
    for denominator in range(1, size):
        if math.gcd(size, denominator) == 1:
            yield Fraction(size - denominator, denominator)


def not_negative_rational(size: int) -> Iterator[Fraction]:
    """Zero and the positive ones of this size."""
    return positive_rational(size) if size > 1 else iter((Fraction(0),))


class Numbers(NamedTuple):
    """Some numbers of an instance: their name, their shape as names of dimensions, and which values they may take."""

    name: str
    shape: tuple[str, ...] = ()
    values: Callable[[int], Iterator[Fraction]] = any_rational


class Found(NamedTuple):
    """An instance, with its place in the order."""

    size: int
    n_numbers: int
    instance: Any


@dataclass(frozen=True)
class Space:
    """All rational instances of a claim.

    Attributes
    ----------
    build : callable
        The instance's class: called with one keyword per number and choice. Numbers without shape arrive as `Fraction`, others
        as arrays of them.
    numbers : tuple of Numbers
        What varies.
    dimensions : tuple of mapping
        The dimensions to try, by name.
    choices : mapping
        Values that are not numbers, or belong to a short list; they do not count in the size.
    """

    build: Callable[..., Any]
    numbers: tuple[Numbers, ...]
    dimensions: tuple[Mapping[str, int], ...] = ({},)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def instances(self, largest: int) -> Iterator[Found]:
        """All instances of size up to ``largest``, in order."""
        by_count = sorted(self.dimensions, key=lambda dimensions: sum(self._counts(dimensions)))
        for size in range(1, largest + 1):
            for dimensions in by_count:
                yield from self._of_size(size, dimensions)

    def _of_size(self, size: int, dimensions: Mapping[str, int]) -> Iterator[Found]:
        counts = self._counts(dimensions)
        domains = [numbers.values for numbers, count in zip(self.numbers, counts, strict=True) for _ in range(count)]
        for chosen in itertools.product(*self.choices.values()):
            for values in _tuples(size, domains):
                arguments = self._shaped(values, dimensions) | dict(zip(self.choices, chosen, strict=True))
                yield Found(size, len(values), self.build(**arguments))

    def _counts(self, dimensions: Mapping[str, int]) -> list[int]:
        return [math.prod(dimensions[axis] for axis in numbers.shape) for numbers in self.numbers]

    def _shaped(self, values: tuple[Fraction, ...], dimensions: Mapping[str, int]) -> dict[str, Any]:
        remaining, shaped = iter(values), {}
        for numbers in self.numbers:
            shape = tuple(dimensions[axis] for axis in numbers.shape)
            taken = list(itertools.islice(remaining, math.prod(shape)))
            shaped[numbers.name] = np.array(taken, dtype=object).reshape(shape) if shape else taken[0]
        return shaped


def _tuples(size: int, domains: list[Callable[[int], Iterator[Fraction]]]) -> Iterator[tuple[Fraction, ...]]:
    """All tuples with one value of each domain whose sizes sum to ``size``."""
    if not domains:
        if size == 0:
            yield ()
        return
    first, rest = domains[0], domains[1:]
    least = sum(2 if domain is positive_rational else 1 for domain in rest)
    # The last value's size is what is left.
    for own in range(1 if rest else max(size, 1), size - least + 1):
        for value in first(own):
            for others in _tuples(size - own, rest):
                yield (value, *others)


def describe(instance: Any) -> str:
    """The numbers of an instance in one line: ``X = [1, -1], Y = 0, lam = 1/2``."""
    return ", ".join(f"{entry.name} = {as_text(getattr(instance, entry.name))}" for entry in fields(instance))


def as_text(value: Any) -> str:
    """A number, an array or a tuple of them in one line; a column is marked by ``'``."""
    if isinstance(value, np.ndarray):
        if value.size == 1:
            return as_text(value.item())
        if value.ndim == 2 and 1 in value.shape:
            mark = "" if value.shape[0] == 1 else "'"
            return f"[{', '.join(map(as_text, value.ravel()))}]{mark}"
        return f"[{', '.join(map(as_text, value))}]"
    if type(value) in (tuple, list):
        return f"({'; '.join(map(as_text, value))})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
