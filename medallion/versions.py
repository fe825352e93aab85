"""Versions of a table, with what audits said of them, as plain values and as text."""

from typing import Any

from medallion.audits import LOG, UNAUDITED, Entry
from medallion.errors import DefinitionError
from medallion.names import TableName
from medallion.project import Project
from medallion.render import table, time_text

_FAILED = 3  # names that are shown


def versions(project: Project, name: str) -> list[dict[str, Any]]:
    """The versions that readers have seen, and runs that were not published, newest first."""
    seen: list[dict[str, Any]] = [
        {
            "snapshot": s.id,
            "moment": s.timestamp_ms,
            "time": time_text(s.timestamp_ms),
            "run": s.run,
            "operation": s.operation,
            "rows": int(s.summary.get("total-records", 0)),
            "suite": s.summary.get("medallion.suite") or None,
            "published": True,
        }
        for s in project.history(name)
    ]
    log = _log(project, name)
    by_snapshot: dict[int, list[Entry]] = {}
    for entry in log:
        by_snapshot.setdefault(entry.snapshot, []).append(entry)
    known = {row["snapshot"] for row in seen}
    seen += [_unpublished(s, audits) for s, audits in by_snapshot.items() if s not in known]
    for row in seen:
        row["audits"] = [e.to_dict() for e in by_snapshot.get(row["snapshot"], ())]
    return sorted(seen, key=lambda row: row.pop("moment"), reverse=True)


def versions_text(rows: list[dict[str, Any]]) -> str:
    """The versions in columns."""
    header = ("time", "snapshot", "rows", "run", "audited by suite", "audit")
    return table(
        [
            (
                r["time"],
                r["snapshot"],
                r["rows"],
                r["run"] or "another writer",
                (r["audits"][0]["suite"] if r["audits"] else r["suite"]) or "no suite",
                _told(r),
            )
            for r in rows
        ],
        header,
    )


def followed(project: Project, name: str, expectation: str) -> list[dict[str, Any]]:
    """What one type of expectation said of a table, newest first.

    Raises:
        DefinitionError: none of that name has ever been judged.
    """
    log = _log(project, name)
    found = [
        {"time": audit["audited_at"], "run": entry.run, "snapshot": entry.snapshot, **verdict}
        for entry in log
        for audit in [entry.to_dict()]
        for verdict in audit["verdicts"]
        if verdict["expectation"] == expectation
    ]
    if not found:
        names = {v["expectation"] for e in log for v in e.verdicts if v["expectation"]}
        judged = f"one of: {', '.join(sorted(names))}"
        hint = judged if names else f"medallion audit {name} --record"
        raise DefinitionError(f"no audit of {name} has judged {expectation!r}", hint=hint)
    return found


def followed_text(rows: list[dict[str, Any]]) -> str:
    """The verdicts of one expectation in columns."""
    header = ("time", "run", "verdict", "failing", "observed", "arguments")
    return table(
        [
            (
                r["time"],
                r["run"],
                r["verdict"],
                "" if r["failing"] is None else r["failing"],
                r["observed"] or "",
                ", ".join(f"{k}={v!r}" for k, v in (r["kwargs"] or {}).items()),
            )
            for r in rows
        ],
        header,
    )


def _log(project: Project, name: str) -> tuple[Entry, ...]:
    found = TableName.parse(name)
    aside = found == LOG or found in project.definition.asides
    return () if aside else project.audits(name)


def _unpublished(snapshot: int, audits: list[Entry]) -> dict[str, Any]:
    last, moment = audits[0], int(audits[-1].audited_at.timestamp() * 1000)
    return {
        "snapshot": snapshot,
        "moment": moment,
        "time": time_text(moment),
        "run": last.run,
        "operation": None,
        "rows": last.verdicts[0]["row_count"],
        "suite": last.suite or None,
        "published": False,
    }


def _told(row: dict[str, Any]) -> str:
    """What the last audit of a version said."""
    if not row["audits"]:
        return ""
    last = row["audits"][0]
    verdicts = [v["verdict"] for v in last["verdicts"]]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(sorted(verdicts)))
    told = UNAUDITED if verdicts == [UNAUDITED] else counts
    failed = [v["expectation"] for v in last["verdicts"] if v["verdict"] not in ("passed", told)]
    if failed:
        more = f" and {len(failed) - _FAILED} more" if len(failed) > _FAILED else ""
        told += f" ({', '.join(failed[:_FAILED])}{more})"
    if row["published"]:
        return told
    return f"{told}: {'not published' if last['passed'] else 'rejected'}"
