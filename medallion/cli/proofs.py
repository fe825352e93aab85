"""The commands about audits: what they said, whether they prove anything, whether they notice."""

from typing import Annotated

import typer

from medallion.cli.options import Branch, Json, Name, Selection, opened, printed


def audit(
    selection: Selection = "",
    branch: Branch = None,
    record: Annotated[
        bool, typer.Option("--record", help="keep the verdicts in _medallion.audits")
    ] = False,
    self_test: Annotated[
        bool,
        typer.Option("--self-test", help="make one bad row per expectation: does it notice?"),
    ] = False,
    json: Json = False,
) -> None:
    """Audit what is there; publish nothing."""
    from medallion.render import audit_text
    from medallion.report import audit_dict

    if self_test:
        if branch or record:
            raise typer.BadParameter("--self-test goes without --branch and --record")
        _tell_self_test(selection, json)
    with opened() as project:
        audits = project.audit(selection, branch=branch, record=record)
    text = "\n".join(map(audit_text, audits)) or "nothing is published yet"
    printed([audit_dict(a) for a in audits], text, json)
    raise typer.Exit(0 if all(a.passed for a in audits) else 1)


def _tell_self_test(selection: str, json: bool) -> None:
    from medallion.selftest import Told, findings_text

    with opened() as project:
        findings = project.self_test(selection)
    printed([f.to_dict() for f in findings], "\n".join(findings_text(findings)), json)
    raise typer.Exit(1 if any(f.told is Told.MISSED for f in findings) else 0)


def history(
    model: Name,
    expectation: Annotated[
        str | None, typer.Option("--expectation", help="what this one said, over time")
    ] = None,
    json: Json = False,
) -> None:
    """Show the versions that readers have seen, and what audits said of them and of others."""
    from medallion.versions import followed, followed_text, versions, versions_text

    with opened() as project:
        if expectation:
            seen = followed(project, model, expectation)
            printed(seen, followed_text(seen), json)
        else:
            rows = versions(project, model)
            printed(rows, versions_text(rows), json)


def verify(
    selection: Selection = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="a table without a suite is a failure, too")
    ] = False,
    json: Json = False,
) -> None:
    """Prove for each table that what readers see was audited by its suite as it is now."""
    from medallion.proof import Proven, proof_text

    with opened() as project:
        proofs = project.verify(selection)
    printed([p.to_dict() for p in proofs], "\n".join(proof_text(proofs)), json)
    bad = (Proven.UNPROVEN, *[Proven.NO_SUITE] * strict)
    raise typer.Exit(1 if any(p.state in bad for p in proofs) else 0)
