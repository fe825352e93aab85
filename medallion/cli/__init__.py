"""The command line: parse, call, render, exit code."""

from medallion.cli.app import app

__all__ = ["app"]
