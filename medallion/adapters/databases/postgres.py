"""PostgreSQL: the catalog, and rows by COPY or a cursor of the server."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import pyarrow as pa

from medallion.adapters.databases.address import CHECK, MEND, Address
from medallion.adapters.databases.beside import Give, beside
from medallion.adapters.databases.copied import Lines, parsed
from medallion.adapters.databases.planned import KEYS, Plan, Planned, Way, chosen
from medallion.adapters.databases.postgres_types import Declared, plan_column
from medallion.errors import DefinitionError, SourceError
from medallion.extract import Query

_CONNECT = 10  # seconds
_BEFORE = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL bytea_output = 'hex'",
)
# Classes of SQLSTATE that asking again does not change: no such database, wrong SQL or names.
_WRONG = ("3D", "3F", "42")
_COLUMNS = """
    SELECT a.attname, a.atttypid, a.atttypmod, coalesce(col_description(c.oid, a.attnum), ''),
           coalesce(a.attnum = i.indkey[0], false), c.oid::regclass::text
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND c.relname = %s
      AND CASE WHEN %s = '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = %s END
    ORDER BY a.attnum"""
_TYPE = """
    SELECT t.typname, t.typtype, t.typbasetype, t.typtypmod,
           CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END
    FROM pg_type t WHERE t.oid = %s"""


class PostgreSQL:
    """One database. `slow` forbids COPY."""

    def __init__(self, address: Address, *, slow: bool = False) -> None:
        try:
            import psycopg2
        except ImportError as error:
            raise DefinitionError(
                f"{address} needs psycopg2, which is not installed",
                hint="pip install 'medallion[postgres]'",
            ) from error
        self._driver = psycopg2
        self._address = address
        self._forbidden = slow
        self._snapshot = ""

    @staticmethod
    def name(name: str) -> str:
        """A name as SQL."""
        return '"' + name.replace('"', '""') + '"'

    @staticmethod
    def text(value: str) -> str:
        """A text as SQL, whatever the server's settings say of backslashes."""
        return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"

    def plan(self, query: Query) -> Plan:
        """The columns and the rows that are asked for."""
        with self._cursor(query.what) as cursor:
            return self._table(cursor, query) if query.table else self._query(cursor, query)

    def one(self, what: str, sql: str) -> tuple[str | None, ...]:
        """The only row of a statement, as texts."""
        with self._cursor(what) as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone())

    def value(self, column: Planned, aggregate: str) -> str:
        """The SQL of the greatest or least value of a column."""
        return f"{aggregate}({self.name(column.name)})::text"

    def lacking(self, column: Planned) -> str:
        """The condition that a row has no value."""
        return f"{self.name(column.name)} IS NULL"

    def ways(self, _plan: Plan) -> Sequence[Way]:
        """How the rows under each of some conditions can be read, the fastest way first."""
        return (self._fetched,) if self._forbidden else (self._copied, self._fetched)

    @contextmanager
    def snapshot(self, what: str) -> Iterator["PostgreSQL"]:
        """The database as it is now, for connections that read side by side."""
        with self._cursor(what) as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            same = PostgreSQL(self._address, slow=self._forbidden)
            same._snapshot = cursor.fetchone()[0]
            yield same

    def _copied(self, plan: Plan, conditions: Sequence[str]) -> Iterator[Any]:
        """By COPY, side by side."""
        return beside([self._copying(plan, c) for c in conditions])

    def _fetched(self, plan: Plan, conditions: Sequence[str]) -> Iterator[Any]:
        """By a cursor of the server, as texts, one after the other."""
        names = [c.name for c in plan.columns]
        for condition in conditions:
            with self._cursor(plan.what) as cursor:
                wanted = [f"({c.sql.format(self.name(c.name))})::text" for c in plan.columns]
                cursor.execute(
                    f"DECLARE rows NO SCROLL CURSOR FOR {_select(plan, wanted, condition)}"
                )
                while True:
                    cursor.execute(f"FETCH {plan.batch} FROM rows")
                    rows = cursor.fetchall()
                    if not rows:
                        break
                    texts = [pa.array(v, pa.string()) for v in zip(*rows, strict=True)]
                    yield pa.RecordBatch.from_arrays(texts, names=names)

    def _copying(self, plan: Plan, condition: str) -> Callable[[Give[Any]], None]:
        columns = [c.sql.format(self.name(c.name)) for c in plan.columns]
        sql = f"COPY ({_select(plan, columns, condition)}) TO STDOUT (FORMAT csv)"

        def read(give: Give[Any]) -> None:
            with self._cursor(plan.what) as cursor:
                lines = Lines(lambda block, count: give(parsed(plan, block, count)))
                cursor.copy_expert(sql, lines)
                lines.flush()
                if cursor.rowcount != lines.count:
                    raise SourceError(
                        f"{plan.what} of {self._address} gave {lines.count} rows of"
                        f" {cursor.rowcount}"
                    )

        return read

    def _table(self, cursor: Any, query: Query) -> Plan:
        schema, _, table = query.table.rpartition(".")
        cursor.execute(_COLUMNS, (table, schema, schema))
        rows = {name: rest for name, *rest in cursor.fetchall()}
        if not rows:
            raise DefinitionError(
                f"{self._address} has no table {query.table!r}",
                hint="write table or schema.table; upper and lower case count",
            )
        columns = []
        for name in chosen(query.what, list(rows), query.columns):
            type, modifier, doc, *_ = rows[name]
            columns.append(plan_column(query.what, name, _declared(cursor, type, modifier), doc))
        key = None
        for name, (type, modifier, _, is_first, _) in rows.items():
            if is_first and not (found := _declared(cursor, type, modifier)).array:
                key = plan_column(query.what, name, found)
        at = f"{self.name(schema)}." if schema else ""
        return Plan(
            query.what,
            at + self.name(table),
            tuple(columns),
            key if key and key.type in KEYS else None,
        )

    def _query(self, cursor: Any, query: Query) -> Plan:
        rows = f"(\n{query.query.strip().rstrip(';')}\n) AS q"
        cursor.execute(f"SELECT * FROM {rows} LIMIT 0")
        found = {d.name: d for d in cursor.description}
        if len(found) < len(cursor.description):
            raise DefinitionError(
                f"{query.what} gives two columns of one name", hint="name each with `AS`"
            )
        columns = []
        for name in chosen(query.what, list(found), query.columns):
            d = found[name]
            numeric = d.precision is not None and d.precision <= 1000
            modifier = (d.precision << 16 | (d.scale or 0) & 0x7FF) + 4 if numeric else -1
            columns.append(plan_column(query.what, name, _declared(cursor, d.type_code, modifier)))
        return Plan(query.what, rows, tuple(columns))

    @contextmanager
    def _cursor(self, what: str) -> Iterator[Any]:
        a = self._address
        try:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                for statement in _BEFORE:
                    cursor.execute(statement)
                    if self._snapshot and statement == _BEFORE[0]:
                        self._share(what, cursor)
                yield cursor
        except self._driver.Error as error:
            told = f"{what} of {a} cannot be read: {a.clean(error)}"
            if (error.pgcode or "").startswith(_WRONG):
                raise DefinitionError(told, hint=MEND) from error
            raise SourceError(told, hint=CHECK) from error
        except UnicodeDecodeError as error:
            raise SourceError(f"{what} of {a} cannot be read: {a.clean(error)}") from error

    def _share(self, what: str, cursor: Any) -> None:
        try:
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (self._snapshot,))
        except self._driver.ProgrammingError as error:
            raise SourceError(
                f"{what} of {self._address} cannot be read: the connection that keeps the moment"
                " of the read was ended"
            ) from error

    def _connect(self) -> Any:
        a = self._address
        given = {"connect_timeout": _CONNECT, "application_name": "medallion", **a.options}
        try:
            connection = self._driver.connect(
                host=a.host,
                port=a.port,
                user=a.user or None,
                password=a.password or None,
                dbname=a.database or None,
                client_encoding="UTF8",
                **given,
            )
        except self._driver.ProgrammingError as error:  # an option that does not exist
            raise DefinitionError(f"{a} cannot be used: {a.clean(error)}") from error
        texts = self._driver.extensions.new_type((1700,), "TEXT", lambda value, _: value)
        with suppress(self._driver.Error):
            self._driver.extensions.register_type(texts, connection)
        return connection


def _select(plan: Plan, columns: Sequence[str], condition: str) -> str:
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT {', '.join(columns)} FROM {plan.rows}{where}"


def _declared(cursor: Any, oid: int, modifier: int) -> Declared:
    """The type of that number, through domains to what they are made of."""
    array = False
    while True:
        cursor.execute(_TYPE, (oid,))
        name, kind, base, inner, element = cursor.fetchone()
        if element and array:
            return Declared(f"{name}[]", "p", -1)
        if kind == "d":
            oid, modifier = base, inner
        elif element:
            oid, array = element, True
        else:
            return Declared(name, kind, modifier, array)
