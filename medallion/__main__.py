"""`python -m medallion`: the command line."""

from medallion.cli.app import main

main()
