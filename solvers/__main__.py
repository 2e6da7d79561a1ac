"""``python -m solvers``: the same as the command ``solvers``."""

from solvers.cli import main

if __name__ == "__main__":
    main()
