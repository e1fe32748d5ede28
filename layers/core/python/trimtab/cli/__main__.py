"""`python -m trimtab.cli` is `trimtab`."""

import sys

from trimtab.cli.main import main

if __name__ == "__main__":  # worker processes import this module too
    sys.exit(main())
