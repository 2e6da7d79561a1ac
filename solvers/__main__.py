"""``python -m solvers``: the same as the command ``solvers``."""

from solvers.cli import main

main()
