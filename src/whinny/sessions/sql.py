"""Sessions in a table of a SQL database, SQLite or PostgreSQL, by SQLAlchemy."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import (
    URL,
    AsyncAdaptedQueuePool,
    BigInteger,
    Column,
    Connection,
    CursorResult,
    Double,
    Executable,
    MetaData,
    StaticPool,
    String,
    Table,
    Text,
    case,
    delete,
    event,
    func,
    insert,
    inspect,
    make_url,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    InvalidRequestError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from whinny.errors import ConfigurationError, SessionAlreadyExists
from whinny.sessions.store import SessionState, Store

T = TypeVar("T")

CONNECTIONS: Final = 10
"""The most that a store opens to a PostgreSQL server."""

PATIENCE: Final = {"timeout": 10.0, "command_timeout": 30.0}
"""Seconds for connecting to a PostgreSQL server, and for its answer, unless the URL's query names others."""

_ASYNC_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_EXAMPLES: Final = {
    "sqlite": "sqlite+aiosqlite:",
    "mysql": "mysql+aiomysql:",
    "mariadb": "mariadb+aiomysql:",
    "oracle": "oracle+oracledb_async:",
    "mssql": "mssql+aioodbc:",
}
_WAL_TRIES: Final = 50


def sessions_table(metadata: MetaData, name: str = "sessions") -> Table:
    """The table of sessions, added to `metadata`; for those who make it themselves, by Alembic for instance.

    `user_id`, `content` and `flash` hold JSON: the user 7 is kept as `7`, the user "7" as `"7"`.
    """
    return Table(
        name,
        metadata,
        Column("id", String(64), primary_key=True),
        Column("user_id", Text),
        Column("content", Text, nullable=False),
        Column("flash", Text, nullable=False),
        Column("created_at", Double, nullable=False, index=True),
        Column("updated_at", Double, nullable=False, index=True),
        Column("version", BigInteger, nullable=False),
    )


class SqlStore(Store):
    """Sessions in the table `table` of a database, given as a SQLAlchemy URL or as an engine.

    `sqlite:` and `postgresql:` URLs are opened with aiosqlite and asyncpg. The engine of a URL is closed by `close`;
    one that was given is not, and is used as it is set up, in autocommit. The table is made by `boot`, or else by the
    first use, unless it is there; it is `table`, and its `MetaData` is `table.metadata`.

    An operation that has begun is finished even if the task that waits for it is cancelled. Raises ConfigurationError
    for a URL that is none, or whose driver is missing.
    """

    def __init__(self, url_or_engine: str | URL | AsyncEngine, table: str = "sessions") -> None:
        self.table = sessions_table(MetaData(), table)
        self._owns = not isinstance(url_or_engine, AsyncEngine)
        if isinstance(url_or_engine, AsyncEngine):
            self._engine = url_or_engine.execution_options(isolation_level="AUTOCOMMIT")
            self._engine.sync_engine.hide_parameters = True
        else:
            self._engine = _engine(url_or_engine)
        # Connections of a StaticPool are one, whose isolation level each task would set for the others.
        self._one_by_one = isinstance(self._engine.pool, StaticPool)
        self._lock = asyncio.Lock()
        self._is_made = False
        self._running: set[asyncio.Task[Any]] = set()

    # what a store does

    async def save(self, state: SessionState, idle: float) -> None:
        """Keep a new session."""
        try:
            await self._count(insert(self.table).values(_row(state)))
        except IntegrityError as error:
            raise SessionAlreadyExists(f"There is a session {state.id} already.") from error

    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        """The session."""
        rows = await self._rows(select(self.table).where(self.table.c.id == id))
        return _state(rows[0]) if rows else None

    async def update(self, state: SessionState, idle: float) -> bool:
        """Write a session."""
        return await self.replace(state.id, state, idle)

    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        """Write the time of the last use."""
        kept = self.table.c.updated_at
        later = case((kept < updated_at, updated_at), else_=kept)
        return await self._count(update(self.table).where(self.table.c.id == id).values(updated_at=later)) > 0

    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        """Keep a session in the place of another."""
        columns = self.table.c
        is_kept = (columns.id == id) & (columns.version == state.version - 1)
        return await self._count(update(self.table).where(is_kept).values(_row(state))) > 0

    async def destroy(self, id: str) -> bool:  # noqa: A002
        """Forget a session."""
        return await self._count(delete(self.table).where(self.table.c.id == id)) > 0

    async def clear(self) -> None:
        """Forget all."""
        await self._count(delete(self.table))

    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        """Forget those that have expired."""
        columns = self.table.c
        has_ended = or_(columns.updated_at <= idle_since, columns.created_at <= created_before)
        return [row.id for row in await self._rows(delete(self.table).where(has_ended).returning(columns.id))]

    # its life

    async def boot(self) -> None:
        """Make the table, unless it is there."""
        await self._finish(self._make())

    async def close(self) -> None:
        """Wait for what is under way, and let go of all connections of an engine that the store has made."""
        while self._running:
            await asyncio.wait(self._running)
        if self._owns:
            await self._engine.dispose()
        self._is_made = False  # one in memory is gone

    async def _make(self) -> None:
        dialect = self._engine.dialect.name
        if dialect == "sqlite" and self._owns:
            await self._write_ahead()
        async with self._taken(), self._engine.connect() as connection:
            is_there = await connection.run_sync(self._is_there)
        if not is_there:
            async with self._taken(), self._engine.connect() as connection:
                if dialect == "postgresql":  # where IF NOT EXISTS fails when two processes begin at once
                    await connection.execution_options(isolation_level="READ COMMITTED")
                    key = zlib.crc32(f"whinny {self.table.name}".encode())
                    await connection.execute(select(func.pg_advisory_xact_lock(key)))
                await connection.execute(CreateTable(self.table, if_not_exists=True))
                for index in sorted(self.table.indexes, key=lambda index: str(index.name)):
                    await connection.execute(CreateIndex(index, if_not_exists=True))
                await connection.commit()
        self._is_made = True

    def _is_there(self, connection: Connection) -> bool:
        # A user who may not make tables may use one that is there: IF NOT EXISTS asks for the right first.
        return inspect(connection).has_table(self.table.name)

    async def _write_ahead(self) -> None:
        """Have SQLite keep a log of writes, with which readers and a writer do not wait for one another."""
        for left in reversed(range(_WAL_TRIES)):
            try:
                async with self._engine.connect() as connection:
                    await connection.execute(text("PRAGMA journal_mode=WAL"))
                return
            except OperationalError as error:
                # The change waits for nobody: another process that does the same at this moment makes it fail.
                if not left or "locked" not in str(error):
                    raise
            await asyncio.sleep(0.02)

    # its statements

    async def _count(self, statement: Executable) -> int:
        """How many rows a statement has changed."""
        return await self._finish(self._execute(statement, lambda result: int(result.rowcount)))

    async def _rows(self, statement: Executable) -> Sequence[Any]:
        return await self._finish(self._execute(statement, lambda result: result.all()))

    async def _execute(self, statement: Executable, take: Any) -> Any:
        try:
            if not self._is_made:
                await self._make()
            async with self._taken(), self._engine.connect() as connection:
                result: CursorResult[Any] = await connection.execute(statement)
                return take(result)
        except (OperationalError, ProgrammingError):
            self._is_made = False  # perhaps the database was put up anew
            raise

    async def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this to its end, whoever is cancelled: a connection is lost with what it is cancelled in.

        With the connection to a database in memory that would be all sessions.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    def _taken(self) -> AbstractAsyncContextManager[Any]:
        return self._lock if self._one_by_one else nullcontext()


def _engine(url: str | URL) -> AsyncEngine:
    shown = str(url).partition(":")[0] + ":…"
    try:
        parsed = make_url(url)
        parsed = parsed.set(drivername=_ASYNC_DRIVERS.get(parsed.drivername, parsed.drivername))
        if not parsed.get_dialect().is_async:
            raise ConfigurationError(
                f"Sessions cannot be kept at the URL {shown}: its driver is not async. Name one that is, such as "
                f"{_EXAMPLES.get(parsed.get_backend_name(), 'postgresql+asyncpg:')}, and install it."
            )
        return _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _server(parsed)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Sessions at {shown} need the package {error.name}: pip install {error.name}."
        ) from None
    except (ArgumentError, InvalidRequestError, ValueError):  # whose texts may show a part of a password
        raise ConfigurationError(
            f"Sessions cannot be kept at the URL {shown}: give one like sqlite:///app.sqlite3 (a file), "
            "postgresql://user:password@host/database, redis://host:6379/0 or memory:."
        ) from None


def _sqlite(url: URL) -> AsyncEngine:
    # One connection, so one thread: writes of the same process would only wait for one another in SQLite. For those of
    # other processes the driver waits 5 s, or the `timeout` of the URL's query.
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=60,
        hide_parameters=True,  # or an error would show what a session holds
        pool_reset_on_return=None,  # there is nothing to roll back
    )
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _server(url: URL) -> AsyncEngine:
    patience: dict[str, float] = {}
    if url.drivername == "postgresql+asyncpg":
        patience = {key: float(str(url.query.get(key, seconds))) for key, seconds in PATIENCE.items()}
        url = url.difference_update_query(patience)
    return create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=60,
        pool_pre_ping=True,  # of a server that was started again, the old connections are dead
        hide_parameters=True,  # or an error would show what a session holds
        pool_reset_on_return=None,
        connect_args=patience,
    )


def _set_up_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")  # with a log of writes, a crash does no harm
    cursor.close()


def _row(state: SessionState) -> dict[str, Any]:
    return {
        "id": state.id,
        "user_id": None if state.user_id is None else _json(state.user_id),
        "content": _json(state.content),
        "flash": _json(state.flash),
        "created_at": state.created_at,
        "updated_at": state.updated_at,
        "version": state.version,
    }


def _state(row: Any) -> SessionState:
    return SessionState(
        id=row.id,
        user_id=None if row.user_id is None else msgspec.json.decode(row.user_id),
        content=msgspec.json.decode(row.content),
        flash=msgspec.json.decode(row.flash),
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
