"""Pictures of paths: what is drawn, where, and on whose axes."""

from __future__ import annotations

import numpy as np
import pytest

from solvers import IncompatibleError, InputError, Path, plot_loss, plot_norms, solve_path

matplotlib_figure = pytest.importorskip("matplotlib.figure")


@pytest.fixture(scope="module")
def path() -> Path:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 5))
    return solve_path(X, X[:, :2] + 0.1 * rng.standard_normal((40, 2)), n_lams=7)


def test_norms_are_those_of_the_columns(path: Path) -> None:
    ax = plot_norms(path)
    drawn = np.array([line.get_ydata() for line in ax.lines])
    assert np.allclose(drawn, [[np.linalg.norm(fit.coef[:, j]) for fit in path.fits] for j in range(5)])
    assert np.array_equal(ax.lines[0].get_xdata(), path.lams)
    assert ax.xaxis_inverted()


def test_loss_starts_at_one_without_inputs(path: Path) -> None:
    line = plot_loss(path, label="mine").lines[0]
    assert line.get_label() == "mine"
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (1.0, pytest.approx(1.0))
    assert np.all(np.diff(line.get_ydata()) < 0)


def test_the_path_draws_itself_on_the_axes_it_is_given(path: Path) -> None:
    left, right = matplotlib_figure.Figure().subplots(1, 2)
    assert path.plot(ax=left) is left
    assert path.plot("loss", ax=right) is right
    assert len(left.lines) == 5
    assert right.lines[0].get_label() == "GroupSparsity"
    path.plot("loss").figure.savefig("/dev/null", format="png")


def test_wrong_arguments_are_named(path: Path) -> None:
    with pytest.raises(InputError, match="kind must be one of 'norms', 'loss', got 'bars'"):
        path.plot("bars")
    with pytest.raises(IncompatibleError, match="ax must be a Matplotlib Axes, got str"):
        path.plot(ax="left")
    with pytest.raises(IncompatibleError, match="path must be a Path"):
        plot_loss(path.fits[0])
