"""`python -m survembed`."""

import os
import sys

if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109  # pathlib would import more first
    del sys.path[0]  # Python puts the working directory first: nothing in it is imported

from survembed.cli.main import main

main()
