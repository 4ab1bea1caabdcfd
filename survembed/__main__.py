"""The program `survembed`, also as `python -m survembed`."""

import os
import sys

if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109  # pathlib would import more first
    del sys.path[0]  # Python puts the working directory first: nothing in it is imported


def main() -> None:
    """Run the command line. Ctrl-C ends it with exit code 130 during the imports, too."""
    try:
        from survembed.cli.main import main as run

        run()
    except KeyboardInterrupt:
        from survembed.cli.interrupts import end_interrupted

        sys.stderr.write("interrupted\n")
        end_interrupted()


if __name__ == "__main__":
    main()
