"""`torchrun -m seg3d_ros.training`: what `seg3d train` does, in several processes."""

import sys

from seg3d_ros.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
