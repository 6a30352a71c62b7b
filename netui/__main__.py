"""``python -m netui``."""

import sys

from netui.cli import main

if __name__ == "__main__":
    sys.exit(main())
