"""`python -m survembed`."""

from survembed.cli.main import main

main()
