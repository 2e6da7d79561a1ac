"""``python -m proofs_checks``."""

from proofs_checks.command import main

if __name__ == "__main__":
    main()
