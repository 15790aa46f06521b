"""`python -m unspool` is `unspool`."""

from __future__ import annotations

from unspool.cli.main import main

if __name__ == "__main__":
    main()
