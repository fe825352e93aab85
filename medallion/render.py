"""Plans, reports and what commands print, as text. Values in, a string out."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from medallion.branches import Branch
from medallion.diff import Diff
from medallion.division import ASIDE_AT, ASIDE_INPUTS, RULES
from medallion.names import branch_of
from medallion.need import shown_windows
from medallion.plan import Plan, Task
from medallion.quarantined import Quarantined
from medallion.report import Failure, Report, State, TaskResult, counted
from medallion.resources import shown_size
from medallion.suite import Audit, Outcome, Verdict
from medallion.window import EVER, Window

_SAMPLE = 3
_RANGES = 4
_ASIDE = '        medallion query "select * from {}" --branch {}'


def as_json(value: Any) -> str:
    """A value as JSON; what JSON has no word for becomes its text."""
    return json.dumps(value, indent=2, default=str, ensure_ascii=False)


def table(rows: Sequence[Sequence[object]], header: Sequence[str] = ()) -> str:
    """Rows in aligned columns; whole numbers to the right."""
    texts = [[_cell(v) for v in row] for row in rows]
    lines = [list(header), *texts] if header else texts
    if not lines:
        return ""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    right = [all(isinstance(r[i], int) or r[i] is None for r in rows) for i in range(len(widths))]
    return "\n".join(
        "  ".join(
            t.rjust(w) if r else t.ljust(w) for t, w, r in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def plan_text(plan: Plan) -> str:
    """What would be built, group by group, and why."""
    lines = []
    for group in plan.groups:
        end = "published together" if plan.publish else "not published"
        lines.append(f"{group.name}: {len(group.tasks)} to build, {end}")
        lines.append(table([(f"  {t.name}", t.reason, *_amount(t)) for t in group.tasks]))
    if plan.fresh:
        count = len(plan.fresh)
        lines.append(f"{count} {'model is' if count == 1 else 'models are'} up to date")
    return "\n".join([*(lines or ["nothing to do"]), *_warnings(plan.warnings)])


def range_text(window: Window) -> str:
    """A range as the moments at which it begins and ends.

    >>> range_text(Window(429528, 430272))
    'windows from 2019-01-01T00:00 up to 2019-02-01T00:00 (UTC)'
    """
    first = "" if window.first == EVER.first else f" from {_moment(window.first)}"
    past = "" if window.past == EVER.past else f" up to {_moment(window.past)}"
    return f"windows{first}{past} (UTC)"


def _moment(hour: int) -> str:
    return f"{Window(hour, hour + 1).hour}:00"


def _amount(task: Task) -> tuple[str, str]:
    """How many windows a task builds and which, and how much it reads, as far as that is known."""
    need, windows, reading = task.need, "", ""
    if shown := shown_windows(need, task.model):
        assert task.model.grain
        count = need.filled.count(task.model.grain)
        windows = f"{count} window{'s' * (count > 1)}: {_few(shown)}"
    if need.reading.files:
        files, rows = need.reading.files, need.reading.rows
        counted = f"{files} file{'s' * (files > 1)}, " + (f"{rows:,} rows, " if rows else "")
        reading = f"reads {counted}{shown_size(need.reading.bytes)}"
    return windows, reading


def _few(texts: Sequence[str]) -> str:
    """The first and the last of many."""
    if len(texts) <= _RANGES:
        return ", ".join(texts)
    return f"{', '.join(texts[: _RANGES - 1])}, … {texts[-1]}"


def result_line(result: TaskResult) -> str:
    """One task in one line."""
    done = f"{result.rows:>12,} rows  {shown_size(result.bytes):>9}  {result.seconds:6.2f} s"
    told = counted(result.audit) if result.audit and result.audit.verdicts else ""
    if result.parts > 1 or result.reused:
        told = f"{_parts(result)}  {told}"
    if result.quarantined:
        told = f"{result.quarantined:,} quarantined  {told}"
    if result.removed:
        told = f"{result.removed:,} duplicate{'s' * (result.removed > 1)} removed  {told}"
    stayed = result.state is State.REJECTED and result.snapshot is None
    if stayed or result.state in (State.FAILED, State.SKIPPED, State.FRESH, State.AUDITED):
        done = f"{'':>12}"
    if result.state is State.SKIPPED:
        told = "what it needs did not come about"
    if result.state is State.FRESH:
        told = "its rows stay"
    return f"{result.state:<10} {result.table!s:<28} {done}  {told}".rstrip()


def _parts(result: TaskResult) -> str:
    reused = f" ({result.reused} were finished before)" if result.reused else ""
    return f"{result.parts} {result.part}{'s' * (result.parts != 1)}{reused}"


def report_text(report: Report) -> str:
    """How a run ended: what went wrong, what readers see now, what to do next."""
    lines: list[str] = []
    for result in report.results:
        if result.failure:
            # Most messages begin with the table themselves.
            told = re.sub(rf"^{result.table}:? ", "", failure_text(result.failure))
            lines += ["", f"{result.table}: {told}"]
        elif result.audit and not result.ok:
            lines += ["", f"{result.table}: its audit failed", *_blocking(result.audit)]
            if result.snapshot is None:
                why = "their suite, or what they refer to, changed since"
                lines.append(f"  these rows were published before; {why}")
        elif result.audit:
            lines += _remarks(result.audit, result.state)
        if result.ok and (result.rules or result.returned):
            lines += ["", *_quarantined(result)]
    lines += _warnings(report.warnings)
    return "\n".join([*lines, "", *_ending(report)]).lstrip("\n")


def failure_text(failure: Failure) -> str:
    """An error and its next step."""
    return f"{failure.message}\n  {failure.hint}" if failure.hint else failure.message


def audit_text(audit: Audit) -> str:
    """Every verdict of an audit."""
    word = "passed" if audit.passed else "REJECTED"
    head = (
        f"{audit.table}: {word}, snapshot {audit.snapshot}, {_rows(audit.rows)}, {counted(audit)}"
    )
    return "\n".join([head, *(line for v in audit.verdicts for line in verdict_lines(v))])


def verdict_lines(verdict: Verdict) -> list[str]:
    """One verdict: what was expected, what came out, some of the rows."""
    kwargs = ", ".join(f"{k}={json.dumps(v, default=str)}" for k, v in verdict.kwargs.items())
    lines = [f"  {verdict.outcome:<8} {verdict.severity:<9} {verdict.expectation}({kwargs[:160]})"]
    if verdict.outcome is not Outcome.PASSED and verdict.detail:
        lines.append(f"           {verdict.detail}")
    if verdict.sample and verdict.outcome is Outcome.FAILED:
        shown = "; ".join(json.dumps(s, default=str) for s in verdict.sample[:_SAMPLE])
        lines.append(f"           such as {shown}")
    return lines


def branches_text(branches: Sequence[Branch]) -> str:
    """The branches of unpublished runs, and what can be done with them."""
    if not branches:
        return "no run has left a branch"
    rows = [(b.run, str(b.table), b.rows, b.state) for b in branches]
    hints = ["", "publish one: medallion publish RUN    drop one: medallion discard RUN"]
    return "\n".join([table(rows, ("run", "table", "rows", "state")), *hints])


def diff_text(diff: Diff) -> str:
    """How two versions of a table differ."""
    lines = [
        f"{diff.table}: snapshot {diff.before or 'none'} -> {diff.after}",
        f"rows     {diff.rows_before:,} -> {diff.rows_after:,}   "
        f"+{diff.rows_added:,} -{diff.rows_removed:,}",
    ]
    for word, names in (
        ("added", diff.columns_added),
        ("removed", diff.columns_removed),
        ("changed", diff.columns_changed),
    ):
        if names:
            lines.append(f"columns {word}: {', '.join(names)}")
    for sign, rows in (("+", diff.sample_added), ("-", diff.sample_removed)):
        lines += [f"{sign} {json.dumps(row, default=str)}" for row in rows]
    return "\n".join(lines)


def rows_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, more: bool) -> str:
    """Rows of a query as a table; says so if there are more."""
    shown = [[row[c] for c in columns] for row in rows]
    said = f"the first {_rows(len(rows))}; --limit 0 for all" if more else _rows(len(rows))
    return f"{table(shown, columns)}\n{said}"


def _blocking(audit: Audit) -> list[str]:
    return [
        line for v in audit.verdicts if v.outcome is not Outcome.PASSED for line in verdict_lines(v)
    ]


def _remarks(audit: Audit, state: State) -> list[str]:
    """What a passed audit still has to say."""
    lines = _blocking(audit)
    return ["", f"{audit.table}: {state} with remarks", *lines] if lines else []


def _quarantined(result: TaskResult) -> list[str]:
    """The rows that were put aside, how many failed which rule, and those that came home."""
    lines, name = [], result.table
    if result.returned:
        lines.append(f"{name}: {_rows(result.returned)} out of quarantine")
    if result.rules:
        lines.append(f"{name}: {_rows(result.quarantined)} quarantined")
        lines += [f"  {n:>8,}  {rule}" for rule, n in result.rules.items()]
        lines.append(f"  look: medallion quarantine show {name}")
    return lines


def quarantine_text(found: Sequence[Quarantined]) -> str:
    """The models of which rows are aside, and why."""
    if not found:
        return "no row is quarantined"
    lines = []
    for one in found:
        lines.append(f"{one.model}: {_rows(one.rows)} since {_second(one.oldest)}")
        lines += [f"  {n:>8,}  {rule}" for rule, n in one.rules.items()]
    return "\n".join(lines)


def quarantined_text(rows: Sequence[Mapping[str, Any]], *, more: bool) -> str:
    """Rows that are aside, each with the rules that it fails."""
    if not rows:
        return "no row is quarantined"
    names = [name for name in rows[0] if name != ASIDE_INPUTS]
    ways: dict[str, Callable[[Any], str]] = {RULES: "; ".join, ASIDE_AT: _second}
    shown = [{n: ways[n](row[n]) if n in ways else row[n] for n in names} for row in rows]
    return rows_text(names, shown, more=more)


def time_text(milliseconds: int) -> str:
    """A moment, given since 1970, as people read it."""
    return _second(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _second(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def _rows(number: int) -> str:
    return f"{number:,} row{'s' * (number != 1)}"


def _warnings(warnings: Iterable[str]) -> list[str]:
    return [f"warning: {text}" for text in warnings]


def _ending(report: Report) -> list[str]:
    tables = [r for r in report.results if not r.table.is_task]
    built = [r for r in tables if r.state is not State.FRESH]
    rows = sum(r.rows for r in built if r.ok)
    fresh = len(tables) - len(built)
    others = f"{fresh} table{'s' * (fresh != 1)} up to date"
    if report.ok and not built:
        return [f"nothing to do: {others}, {report.seconds:.1f} s"]
    done = f"{sum(r.ok for r in built)} of {len(built)} tables, {rows:,} rows"
    lines = [f"run {report.run}: {done}, {report.seconds:.1f} s{f'; {others}' if fresh else ''}"]
    if report.ok and report.published:
        return lines
    branch = branch_of(report.run)
    if report.ok:
        return [
            *lines,
            f"on branch {branch}, not published",
            f"  publish it: medallion publish {report.run}",
        ]
    published = [str(r.table) for r in report.results if r.state is State.PUBLISHED]
    told = f"published {', '.join(published)}; of the others" if published else "published nothing;"
    lines.append(f"{told} readers see what they saw before")
    kept = [r for r in report.results if r.snapshot and r.state is not State.PUBLISHED]
    if kept:
        # One that was refused, before one that waits for it.
        left = min(kept, key=lambda r: r.ok)
        lines += [
            f"the rows are on branch {branch}:",
            f'  look: medallion query "select * from {left.table}" --branch {branch}',
            *([_ASIDE.format(left.table.aside, branch)] if left.quarantined else []),
            f"        medallion diff {left.table} --branch {branch}",
            f"  drop: medallion discard {report.run}",
        ]
    return lines


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    # Text from data could otherwise break the line or steer the terminal.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
