"""`python -m seg3d_ros.cli`."""

import sys

from seg3d_ros.cli import main

if __name__ == "__main__":
    sys.exit(main())
