"""The pruned random network: evaluated as it stands, with its error bound, counts and the weights it missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from solvers._arrays import as_matrix, as_number
from solvers._blas import matmul
from solvers._parallel import single_threaded
from solvers.errors import IncompatibleError, InputError
from solvers.lottery.answers import unpack
from solvers.networks import ReluNetwork
from solvers.results import Certificate, Limit, Record, Status, saveable

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

BLOCK = 1 << 22
"""Numbers in one block of hidden units: 32 MiB."""

MISSED = np.dtype([("layer", "i4"), ("output", "i8"), ("input", "i8"), ("weight", "f8"), ("error", "f8"), ("reach", "f8")])
"""Columns of `LotteryTicket.missed`."""


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class TicketPart(Record):
    """Random coefficients between two layers, first factors, and the mask.

    Attributes
    ----------
    layer : int
        Layer of the target.
    kind : str
        ``sum``, ``linear``, ``relu`` or ``copies``, see `solvers.lottery.constructions`.
    coefficients : ndarray (n_out, n_in, n) or (n_out, 1, n)
        The random coefficients; those of a row are shared by its weights in the second case.
    factors : ndarray (n_in, n) or None
        The random first factors, shared by all outputs.
    packed : ndarray (n_out, n_in, ceil(n / 8)), uint8
        The mask, lowest bit first.
    """

    layer: int
    kind: str
    coefficients: Array
    factors: Array | None
    packed: Bytes

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_out, n_in)`` of the matrix that is approximated."""
        return self.packed.shape[0], self.packed.shape[1]

    @property
    def mask(self) -> Mask:
        """Which coefficients are kept, (n_out, n_in, n)."""
        n_out, n_in = self.shape
        n = self.coefficients.shape[2]
        return unpack(self.packed.reshape(n_out * n_in, -1), n).reshape(n_out, n_in, n)

    def masked(self, rows: slice = slice(None)) -> Array:
        """The coefficients of some outputs with zeros where they are pruned, (n_rows, n_in, n)."""
        packed = self.packed[rows]
        n = self.coefficients.shape[2]
        mask = unpack(packed.reshape(-1, packed.shape[2]), n).reshape(*packed.shape[:2], n)
        return mask * self.coefficients[rows]

    def effective(self) -> Array:
        """``sum_c mask_c v_c u_c`` for each weight, (n_out, n_in): what the part does to non-negative inputs of one kind."""
        n_out, n_in = self.shape
        W = np.empty((n_out, n_in))
        step = max(1, BLOCK // (n_in * self.coefficients.shape[2]))
        for begin in range(0, n_out, step):
            masked = self.masked(slice(begin, begin + step))
            W[begin : begin + step] = np.sum(masked if self.factors is None else masked * self.factors, axis=2)
        return W

    def apply(self, A: Array) -> Array:
        """What the part adds to the next layer for its inputs ``A (n_samples, n_in)``, or their copies."""
        if self.kind == "sum":
            return matmul(A, self.effective().T)
        n_out, n_in = self.shape
        n = self.coefficients.shape[2]
        Z = np.empty((len(A), n_out))
        step_out, step_in = max(1, BLOCK // (n_in * n)), max(1, BLOCK // (n_in * n))
        for top in range(0, n_out, step_out):
            second = self.masked(slice(top, top + step_out)).reshape(-1, n_in * n)
            for begin in range(0, len(A), step_in):
                Z[begin : begin + step_in, top : top + step_out] = matmul(self.hidden(A[begin : begin + step_in]), second.T)
        return Z

    def hidden(self, A: Array) -> Array:
        """The units between the two factors, (n_samples, n_in n)."""
        if self.factors is None:
            return A
        hidden = (A[:, : self.shape[1], np.newaxis] * self.factors).reshape(len(A), -1)
        return np.maximum(hidden, 0.0, out=hidden) if self.kind == "relu" else hidden


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Record):
    """Ticket and target on the same inputs.

    Attributes
    ----------
    largest : float
        Largest difference of a single output.
    worst : float
        Largest Euclidean length of the difference of all outputs of one sample.
    bound : float
        What is guaranteed for inputs as long as the longest of these; ``worst`` is at most this.
    agreement : float
        Share of the samples for which the largest output is the same one.
    """

    largest: float
    worst: float
    bound: float
    agreement: float


@saveable
@dataclass(frozen=True, repr=False, eq=False)
class LotteryTicket(Record):
    """A random network pruned to approximate a target.

    Attributes
    ----------
    parts : tuple of TicketPart
        The random network and its masks.
    biased : tuple of bool
        Which layers are given the constant 1 as a last input.
    shapes : tuple of tuple of int
        Shapes of the target's weights.
    target : ReluNetwork or None
        What is approximated; only `compare` and `error_bound` look at it.
    weight_errors : tuple of ndarray (n_out, n_in)
        One per layer: how far the sum of the kept coefficients is from the weight, the larger of both halves of a ReLU gadget;
        a last column for biases.
    missed : ndarray
        One row per weight whose error exceeds eps: layer, output, input, weight, error, and the largest sum of that sign that its
        candidates can reach. A weight beyond its reach needs other random numbers, one within needs more of them.
    eps : float
        Largest error allowed per weight.
    construction, objective : str
        How the random network is built, and what was minimised for each weight.
    n_candidates : int
        Coefficients that each weight can choose from, in each half.
    initial, kept : int
        Coefficients before and after pruning, counted once for each weight that they serve.
    distinct, distinct_kept : int
        Random numbers in the network, and those that survive, each counted once, first factors included.
    elapsed : float
        Seconds.
    status, limit, certificate
        As of `SubsetSums`: of the worst weight.
    """

    parts: tuple[TicketPart, ...]
    biased: tuple[bool, ...]
    shapes: tuple[tuple[int, ...], ...]
    target: ReluNetwork | None
    weight_errors: tuple[Array, ...]
    missed: np.ndarray[Any, Any]
    eps: float
    construction: str
    objective: str
    n_candidates: int
    initial: int
    kept: int
    distinct: int
    distinct_kept: int
    elapsed: float
    status: Status
    limit: Limit
    certificate: Certificate

    @property
    def n_weights(self) -> int:
        """Weights and biases of the target."""
        return sum(errors.size for errors in self.weight_errors)

    @property
    def masks(self) -> tuple[Mask, ...]:
        """Of each part, (n_out, n_in, n)."""
        return tuple(part.mask for part in self.parts)

    @property
    def weights(self) -> tuple[Array, ...]:
        """What the kept coefficients of each layer sum to, in the shapes of the target's weights, without biases.

        For a ReLU gadget the sum for positive inputs. For ``depth_plus_one``, where a weight has several copies, not defined.
        """
        if self.construction == "depth_plus_one":
            raise IncompatibleError("weights have copies with construction='depth_plus_one': look at masks")
        first = {part.layer: part for part in reversed(self.parts)}
        return tuple(first[k].effective()[:, : int(np.prod(shape[1:]))].reshape(shape) for k, shape in enumerate(self.shapes))

    @single_threaded
    def predict(self, X: ArrayLike) -> Array:
        """The outputs (n_samples, n_outputs) of the masked random network for ``X (n_samples, n_inputs)``.

        Every kept coefficient is used as it stands; the target is not looked at.
        """
        A = as_matrix(X)
        if any(len(shape) != 2 for shape in self.shapes):
            raise IncompatibleError("a ticket of kernel tensors is not evaluated here: put ticket.weights into their network")
        if A.shape[1] != self.shapes[0][1]:
            raise InputError(f"X must have one column per input: the network has {self.shapes[0][1]}, X has shape {A.shape}")
        Z = A
        for layer, has_bias in enumerate(self.biased):
            inputs = np.column_stack([A, np.ones(len(A))]) if has_bias else A
            Z = np.sum([part.apply(inputs) for part in self.parts if part.layer == layer], axis=0)
            A = np.maximum(Z, 0.0)
        return Z

    def error_bound(self, radius: float = 1.0) -> float:
        """An upper bound of ``||ticket(x) - target(x)||_2`` for all x with ``||x||_2 <= radius``, in exact arithmetic.

        With E the errors of a layer's weights, r bounding the length of its input in the target and d what the input is off by,
        the output is off by at most ``(||W||_2 + ||E||_F) d + ||E||_F r``; for the later layers of ``depth_plus_one`` by
        ``||M||_F d + ||E||_F r`` with M the masked matrix.
        """
        if self.target is None:
            raise IncompatibleError("error_bound needs a network as target, but has kernel tensors: see weight_errors")
        reach, off = as_number(radius, "radius"), 0.0
        for k, (W, b) in enumerate(zip(self.target.weights, self.target.biases, strict=True)):
            E = float(np.linalg.norm(self.weight_errors[k]))
            gain = float(np.linalg.norm(W, 2))
            if self.construction == "depth_plus_one" and k > 0:
                copies = next(part for part in self.parts if part.layer == k)
                # The constant neuron is one more input; its copies are off like any other.
                off = float(np.linalg.norm(copies.masked())) * off + E * float(np.hypot(reach, 1.0))
            else:
                length = float(np.hypot(reach, 1.0)) if self.biased[k] else reach
                off = (gain + E) * off + E * length
            reach = gain * reach + (0.0 if b is None else float(np.linalg.norm(b)))
        return off

    def compare(self, X: ArrayLike) -> Comparison:
        """Evaluate ticket and target on ``X (n_samples, n_inputs)``."""
        if self.target is None:
            raise IncompatibleError("compare needs a network as target, but has kernel tensors: see weight_errors")
        ours, theirs = self.predict(X), self.target.forward(X)
        lengths = np.linalg.norm(ours - theirs, axis=1)
        radius = float(np.max(np.linalg.norm(as_matrix(X), axis=1)))
        same = np.mean(np.argmax(ours, axis=1) == np.argmax(theirs, axis=1))
        return Comparison(float(np.max(np.abs(ours - theirs))), float(lengths.max()), self.error_bound(radius), float(same))

    def _shown(self) -> dict[str, Any]:
        largest = max(float(errors.max(initial=0.0)) for errors in self.weight_errors)
        return {
            "status": self.status,
            "certificate": self.certificate,
            "construction": self.construction,
            "n_weights": self.n_weights,
            "largest_error": largest,
            "missed": len(self.missed),
            "kept": f"{self.kept} of {self.initial} coefficients, {self.kept / max(1, self.n_weights):.3g} per weight",
            "distinct": f"{self.distinct_kept} of {self.distinct} random numbers",
            "elapsed": self.elapsed,
        }
