"""``python -m netui``."""

import sys

from netui.entry import main

if __name__ == "__main__":
    sys.exit(main())
