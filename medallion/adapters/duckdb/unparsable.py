"""Lines of landed files that cannot be parsed: found, noted in a table, and left out of a copy.

The copy is read in the strict mode like any file, so that its rows are those that the strict reader
gives of the file without these lines. Which lines they are, DuckDB says of CSV; lines of JSON are
tried one by one. Positions are those in the file before it was compressed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import duckdb

from medallion.adapters.duckdb.content import lines_of
from medallion.adapters.duckdb.duck import run
from medallion.adapters.duckdb.landed import DELIMITERS, LINES, Landed
from medallion.errors import SourceError
from medallion.quoting import literal, quote
from medallion.source import SOURCE_FILE

TABLE = "unparsable"
_COLUMNS = {
    SOURCE_FILE: "varchar",
    "line": "bigint",
    "column": "varchar",
    "reason": "varchar",
    "text": "varchar",
}
_AT_ONCE = 20_000  # lines
_CHECKED = "unparsable_lines"
_TOLD = 9_000  # characters of a record: DuckDB tells no more than 10,000
_MOST = 16 << 20  # bytes of a record
_BAD_LINES = 500_000  # of one file: they are in memory together


@dataclass(frozen=True, slots=True)
class Sorted:
    """The files without their bad lines; of how many lines how many are bad, and one of them."""

    files: tuple[Landed, ...]
    taken: int = 0
    refused: int = 0
    sample: str = ""


@dataclass(slots=True)
class _Bad:
    """A record that cannot be parsed: where it is, over how many lines, and why.

    With 0 lines it ends where its quotes do.
    """

    position: int
    lines: int
    column: str | None
    reason: str
    text: list[bytes] = field(default_factory=list)
    line: int = 0
    quotes: int = 0

    def take(self, line: bytes) -> None:
        """Take a line of the file that is one of the record."""
        self.text.append(line)
        self.quotes += line.count(b'"')

    @property
    def goes_on(self) -> bool:
        """Whether the next line is one of the record."""
        return len(self.text) < self.lines if self.lines else self.quotes % 2 == 1


def sorted_out(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Landed],
    declared: Mapping[str, str],
    scratch: Path,
) -> Sorted:
    """The files without the lines that cannot be parsed, which are in the table `TABLE` then.

    Raises:
        SourceError: a file cannot be read, or its bad lines cannot be told from the good ones.
    """
    columns = ", ".join(f"{quote(n)} {t}" for n, t in _COLUMNS.items())
    run(connection, f"create or replace temp table {TABLE} ({columns})")
    left, taken, refused = [], 0, 0
    for number, file in enumerate(files):
        if file.kind in DELIMITERS:
            good, bad = _bad_values(connection, file, declared)
        elif file.kind in LINES:
            good, bad = _bad_objects(connection, file, declared)
        else:
            good, bad = 0, []
        taken, refused = taken + good + len(bad), refused + len(bad)
        if bad:
            left.append(_without(file, bad, scratch / f"good-{number}"))
            _note(connection, file.name, bad)
        else:
            left.append(file)
    return Sorted(tuple(left), taken, refused, _sample(connection) if refused else "")


def _bad_values(
    connection: duckdb.DuckDBPyConnection, file: Landed, declared: Mapping[str, str]
) -> tuple[int, list[_Bad]]:
    """How many records of a CSV file are good, and those that are not, in their order."""
    types = {name: declared.get(name, "varchar") for name in file.columns}
    columns = ", ".join(f"{literal(n)}: {literal(t)}" for n, t in types.items())
    counts = ", ".join(f"count({quote(name)})" for name in types)  # or it would not parse them
    scan = (
        f"read_csv({literal(str(file.readable))}, delim = {literal(DELIMITERS[file.kind])}, "
        f"quote = '\"', escape = '\"', auto_detect = false, header = true, "
        f"columns = {{{columns}}}, store_rejects = true, rejects_limit = 0)"
    )
    [(good, *_)] = run(connection, f"select count(*), {counts} from {scan}")
    # Of several errors of a record, those of its form come first: its values may be shifted.
    found = run(
        connection,
        f"select line_byte_position - 1, if(length(csv_line) < {_TOLD}, "
        "length(lines) - length(replace(lines, chr(10), '')) + 1, 0), "
        "column_name, error_message from (select *, trim(csv_line, chr(10) || chr(13)) as lines "
        "from reject_errors) qualify row_number() over (partition by line_byte_position "
        "order by error_type = 'CAST', column_idx) = 1 order by line_byte_position "
        f"limit {_BAD_LINES + 1}",
    )
    _check_count(file, len(found))
    for table in ("reject_errors", "reject_scans"):
        run(connection, f"drop table {table}")
    return int(str(good)), [
        _Bad(int(str(at)), int(str(lines)), str(column or "") or None, _first_line(why))
        for at, lines, column, why in found
    ]


def _check_count(file: Landed, count: int) -> None:
    if count > _BAD_LINES:
        raise SourceError(
            f"{file.path} has more than {_BAD_LINES:,} lines that cannot be parsed",
            hint="is it of another kind than its name says? declare other columns, or mend it",
        )


def _first_line(text: object) -> str:
    return str(text).partition("\n")[0]


def _bad_objects(
    connection: duckdb.DuckDBPyConnection, file: Landed, declared: Mapping[str, str]
) -> tuple[int, list[_Bad]]:
    """The same of a file with one JSON object a line."""
    bad, good = list[_Bad](), 0
    lines, position = lines_of(file.readable), 0
    while chunk := list(islice(lines, _AT_ONCE)):
        texts: list[tuple[int, str]] = []
        for line in chunk:
            try:
                text = line.decode("utf-8-sig" if not position else "utf-8")
                texts += [(position, text)] if text.strip() else []
            except UnicodeDecodeError:
                bad.append(_Bad(position, 1, None, "it is no UTF-8 text"))
            position += len(line)
        found = list(_tried(connection, texts, declared))
        good += len(texts) - len(found)
        bad += found
        _check_count(file, len(bad))
    return good, sorted(bad, key=lambda b: b.position)


def _tried(
    connection: duckdb.DuckDBPyConnection,
    texts: Sequence[tuple[int, str]],
    declared: Mapping[str, str],
) -> Iterator[_Bad]:
    """The texts that are no JSON object, or one with a value that is not of its declared type."""
    import pyarrow as pa

    # Inner fields are judged when the rows are read: what may be missing there, a cast refuses.
    checked = {n: t for n, t in declared.items() if "struct" not in t.casefold()}
    paths = ", ".join(literal(_path(name)) for name in checked)
    values = f", json_extract(o, [{paths}]) as v" if checked else ""
    wrong = [
        f"when v[{number + 1}] <> 'null' and try(v[{number + 1}]::{t}) is null then {number}"
        for number, t in enumerate(checked.values())
    ]
    rows = pa.table({"position": [p for p, _ in texts], "text": [t for _, t in texts]})
    connection.register(_CHECKED, rows)
    # A value can be taken of JSON only.
    object = (
        f"select *, json_keys(o) as names{values} from "
        f"(select *, if(valid, text, '[]')::json as o from "
        f"(select *, json_valid(text) as valid from {_CHECKED}))"
    )
    verdicts = [
        "when not valid then -1",
        "when json_type(o) <> 'OBJECT' then -2",
        "when len(names) <> len(list_distinct(names)) then -3",
        *wrong,
    ]
    found = run(
        connection,
        f"select * from (select position, case {' '.join(verdicts)} end as why from ({object})) "
        "where why is not null order by position",
    )
    connection.unregister(_CHECKED)
    told = {-1: "it is no JSON", -2: "it is no JSON object", -3: "it has a name twice"}
    for position, why in found:
        number = int(str(why))
        if number < 0:
            yield _Bad(int(str(position)), 1, None, told[number])
        else:
            name, type = list(checked.items())[number]
            yield _Bad(int(str(position)), 1, name, f"its value is no {type}")


def _path(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def _without(file: Landed, bad: Sequence[_Bad], folder: Path) -> Landed:
    """The file without the lines of these records; their text and number are found with it."""
    plain = file.path.suffix == file.kind
    copy = folder / (file.path.name if plain else file.path.stem)
    folder.mkdir(parents=True, exist_ok=True)
    with copy.open("wb") as out:
        out.writelines(_good(file, lines_of(file.readable), bad))
    return replace(file, readable=copy, size=copy.stat().st_size)


def _good(file: Landed, lines: Iterable[bytes], bad: Sequence[_Bad]) -> Iterator[bytes]:
    waiting = iter(bad)
    record, last, position = next(waiting, None), _Bad(0, 0, None, ""), 0
    for number, line in enumerate(lines, 1):
        start, position = position, position + len(line)
        if last.goes_on:
            last.take(line)
            if position - last.position > _MOST:
                raise _torn(file, last)
            continue
        if record is None or record.position >= position:
            yield line
            continue
        offset = max(record.position - start, 0)
        before, rest = line[:offset], line[offset:]
        if not rest.strip(b"\r\n"):  # a record may be said to begin with the line end before it
            record.position = position
            yield line
            continue
        record.line = number
        record.take(line)
        if before.strip(b"\r\n"):
            raise _torn(file, record)
        last, record = record, next(waiting, None)
    if record is not None or (last.lines and last.goes_on):
        raise _torn(file, record or last)


def _torn(file: Landed, record: _Bad) -> SourceError:
    return SourceError(
        f"{file.path} has a record that cannot be parsed, in line {record.line or 'unknown'}, and "
        "that cannot be told from those around it",
        hint="is a quote left open? mend the file",
    )


def _note(connection: duckdb.DuckDBPyConnection, name: str, bad: Iterable[_Bad]) -> None:
    import pyarrow as pa

    values = iter(bad)
    while some := list(islice(values, _AT_ONCE)):
        texts = [b"".join(b.text).rstrip(b"\r\n").decode(errors="replace") for b in some]
        rows = pa.table(
            {
                "name": pa.array([name] * len(some), pa.string()),
                "line": [b.line for b in some],
                "column": pa.array([b.column for b in some], pa.string()),
                "reason": [b.reason for b in some],
                "text": texts,
            }
        )
        connection.register(_CHECKED, rows)
        run(connection, f"insert into {TABLE} select * from {_CHECKED}")
        connection.unregister(_CHECKED)


def _sample(connection: duckdb.DuckDBPyConnection) -> str:
    [(name, line, reason)] = run(
        connection, f"select {quote(SOURCE_FILE)}, line, reason from {TABLE} limit 1"
    )
    return f"{name} line {line}: {reason}"
