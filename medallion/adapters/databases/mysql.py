"""MySQL and MariaDB: the catalog, and rows by pymysql or, where there are many, by connectorx."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pyarrow as pa

from medallion.adapters.databases.address import CHECK, MEND, Address
from medallion.adapters.databases.beside import Give, beside
from medallion.adapters.databases.mysql_types import Described, declared, plan_column
from medallion.adapters.databases.planned import KEYS, Plan, Planned, Way, chosen
from medallion.adapters.databases.streamed import streamed
from medallion.errors import DefinitionError, SourceError
from medallion.extract import Query

_CONNECT = 10  # seconds
_FEW = 20_000  # rows, up to which starting a process takes longer than reading them
_BATCH = 4 << 20  # bytes
_BEFORE = "SET SESSION time_zone = '+00:00'"
# Errors that asking again does not change: no such table, column or database, wrong SQL.
_WRONG = (1049, 1051, 1054, 1060, 1064, 1146, 1149, 1222)
_OPTIONS = (
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "ssl_verify_cert",
    "ssl_verify_identity",
    "unix_socket",
)


class MySQL:
    """One database. `slow` forbids connectorx.

    Rows that come faster than they are taken wait in files below `spill`.

    With the options `ssl_…` and `unix_socket` of an address, which connectorx does not have, rows
    are read by pymysql.
    """

    def __init__(self, address: Address, *, slow: bool = False, spill: Path | None = None) -> None:
        try:
            import pymysql
        except ImportError as error:
            raise DefinitionError(
                f"{address} needs pymysql, which is not installed",
                hint="pip install 'medallion[mysql]'",
            ) from error
        self._driver = pymysql
        self._spill = spill
        self._address = address
        self._forbidden = slow or bool(set(address.options) - {"charset"})

    @staticmethod
    def name(name: str) -> str:
        """A name as SQL."""
        return "`" + name.replace("`", "``") + "`"

    @staticmethod
    def text(value: str) -> str:
        """A text as SQL, whatever the server's settings say of backslashes."""
        return f"_utf8mb4 x'{value.encode().hex()}'"

    def plan(self, query: Query) -> Plan:
        """The columns and the rows that are asked for."""
        with self._connection(query.what) as connection:
            if query.table:
                return self._table(connection, query)
            return self._query(connection, query)

    def one(self, what: str, sql: str) -> tuple[str | None, ...]:
        """The only row of a statement, as texts."""
        with self._connection(what) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone())

    def value(self, column: Planned, aggregate: str) -> str:
        """The SQL of the greatest or least value of a column."""
        return column.sql.format(f"{aggregate}({self.name(column.name)})")

    def lacking(self, column: Planned) -> str:
        """The condition that a row has no value. A zero date is none."""
        name = self.name(column.name)
        zero = f" OR CAST({name} AS CHAR) LIKE '0000-00-00%'"
        dated = column.type in ("date", "timestamp", "timestamptz")
        return f"{name} IS NULL" + (zero if dated else "")

    def ways(self, plan: Plan) -> Sequence[Way]:
        """How the rows under each of some conditions can be read, the fastest way first."""
        if self._forbidden or not plan.many or not find_spec("connectorx"):
            return (self._fetched,)
        return (self._streamed, self._fetched)

    def snapshot(self, _what: str) -> Any:
        """Ranges are read at moments of their own: there is nothing to share."""
        return nullcontext(self)

    def _streamed(self, plan: Plan, conditions: Sequence[str]) -> Iterator[Any]:
        """By connectorx, side by side."""
        return beside([self._reader(plan, c) for c in conditions])

    def _fetched(self, plan: Plan, conditions: Sequence[str]) -> Iterator[Any]:
        """By pymysql, one after the other."""
        for condition in conditions:
            with self._connection(plan.what, self._driver.cursors.SSCursor) as connection:
                cursor = connection.cursor()
                try:
                    cursor.execute(self._select(plan, condition))
                    while rows := cursor.fetchmany(plan.batch):
                        yield _batch(plan, rows)
                finally:
                    if cursor._result:  # else it would read the rest, which may be long or gone
                        cursor._result.unbuffered_active = False

    def _select(self, plan: Plan, condition: str) -> str:
        columns = ", ".join(
            f"{c.sql.format(self.name(c.name))} AS {self.name(c.name)}" for c in plan.columns
        )
        where = f" WHERE {condition}" if condition else ""
        return f"SELECT {columns} FROM {plan.rows}{where}"

    def _table(self, connection: Any, query: Query) -> Plan:
        schema, _, table = query.table.rpartition(".")
        schema = schema or self._address.database
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT column_name, column_type, column_comment, column_key"
                " FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
                " ORDER BY ordinal_position",
                (schema, table),
            )
            rows = {name: rest for name, *rest in map(_texts, cursor.fetchall())}
            if not rows:
                raise DefinitionError(
                    f"{self._address} has no table {query.table!r} that its user may read",
                    hint="write table or database.table; upper and lower case count",
                )
            cursor.execute(
                "SELECT table_rows, avg_row_length FROM information_schema.tables"
                " WHERE table_schema = %s AND table_name = %s",
                (schema, table),
            )
            count, width = cursor.fetchone()
            cursor.execute(
                "SELECT column_name FROM information_schema.statistics WHERE table_schema = %s AND"
                " table_name = %s AND index_name = 'PRIMARY' AND seq_in_index = 1",
                (schema, table),
            )
            first = cursor.fetchone()
        columns = tuple(
            plan_column(query.what, name, rows[name][0], rows[name][1])
            for name in chosen(query.what, list(rows), query.columns)
        )
        key = plan_column(query.what, first[0], rows[first[0]][0]) if first else None
        return Plan(
            query.what,
            f"{self.name(schema)}.{self.name(table)}",
            columns,
            key if key and key.type in KEYS else None,
            count is None or int(count) > _FEW,
            _rows(int(width or 0)),
        )

    def _query(self, connection: Any, query: Query) -> Plan:
        rows = f"(\n{query.query.strip().rstrip(';')}\n) AS q"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {rows} LIMIT 0")
            found = {f.name: f for f in cursor._result.fields}
        columns = []
        for name in chosen(query.what, list(found), query.columns):
            f = found[name]
            described = Described(name, f.type_code, f.flags, f.length, f.scale, f.charsetnr)
            columns.append(plan_column(query.what, name, declared(described)))
        return Plan(query.what, rows, tuple(columns))

    @contextmanager
    def _connection(self, what: str, cursor: Any = None) -> Iterator[Any]:
        a, errors = self._address, self._driver.err
        try:
            with closing(self._connect(cursor)) as connection:
                yield connection
        except errors.MySQLError as error:
            told = f"{what} of {a} cannot be read: {a.clean(error)}"
            if error.args and error.args[0] in _WRONG:
                raise DefinitionError(told, hint=MEND) from error
            raise SourceError(told, hint=CHECK) from error
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{what} of {a} cannot be read: {a.clean(error)}") from error

    def _connect(self, cursor: Any) -> Any:
        a = self._address
        options = {k: v for k, v in a.options.items() if k != "charset"}
        for option in options:
            if option not in _OPTIONS:
                raise DefinitionError(
                    f"{a} has an option {option!r} that is not known",
                    hint=f"those known: {', '.join(_OPTIONS)}",
                )
        return _connections()(
            host=a.host,
            port=a.port,
            user=a.user,
            password=a.password.encode(),
            database=a.database or None,
            charset="utf8mb4",
            connect_timeout=_CONNECT,
            init_command=_BEFORE,
            conv=self._driver.converters.encoders,  # without decoders: texts and bytes come
            cursorclass=cursor or self._driver.cursors.Cursor,
            **options,
        )

    def _reader(self, plan: Plan, condition: str) -> Callable[[Give[Any]], None]:
        a = self._address
        login = f"{quote(a.user, safe='')}:{quote(a.password, safe='')}"
        place = f"{a.host}:{a.port}/{quote(a.database, safe='')}"
        asked = {
            # The socket of the server would be taken instead where it is on this machine.
            "address": f"mysql://{login}@{place}?prefer_socket=false",
            "query": self._select(plan, condition),
            "before": [_BEFORE],
            "batch": plan.batch,
        }

        def read(give: Give[Any]) -> None:
            failure = streamed(asked, self._spill, give)
            if failure is not None:
                reason = a.clean(failure)
                raise SourceError(f"{plan.what} of {a} cannot be read: {reason}", hint=CHECK)

        return read


@cache
def _connections() -> Any:
    """The driver's connections, with one set of certificates for all that name none.

    To load the machine's takes ten times longer than to connect.
    """
    from pymysql.connections import Connection

    class Connections(Connection):  # type: ignore[misc]  # the driver has no types
        _usual: Any = None

        def _create_ssl_ctx(self, given: Any) -> Any:
            if given:
                return super()._create_ssl_ctx(given)
            if Connections._usual is None:
                Connections._usual = super()._create_ssl_ctx({})
            return Connections._usual

    return Connections


def _batch(plan: Plan, rows: Sequence[Sequence[Any]]) -> Any:
    """Rows of texts and bytes as arrays of them."""
    arrays = [
        pa.array(values, pa.binary() if c.type == "binary" else pa.string())
        for c, values in zip(plan.columns, zip(*rows, strict=True), strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[c.name for c in plan.columns])


def _rows(width: int) -> int:
    """How many rows of so many bytes are a batch."""
    return min(max(_BATCH // width, 64), 32768) if width else 4096


def _texts(row: Sequence[Any]) -> list[str]:
    return [v.decode() if isinstance(v, bytes) else cast(str, v) for v in row]
