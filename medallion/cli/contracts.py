"""The command that writes a contract from a table that exists."""

from medallion.cli.options import Json, Name, opened, printed


def contract(model: Name, json: Json = False) -> None:
    """Write the contract that a table's rows keep now, to paste into its model."""
    from medallion.observed import observed, observed_text

    with opened() as project:
        shown = observed(project, model)
        printed(shown, observed_text(shown), json)
