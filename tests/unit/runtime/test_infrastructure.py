"""What waiting can help, and what it cannot."""

from __future__ import annotations

import asyncio
import socket

import asyncpg
import pytest
from asyncpg import exceptions as pg

from services.runtime.database import is_infrastructure


@pytest.mark.parametrize(
    "error",
    [
        pg.ConnectionDoesNotExistError("x"),
        pg.ConnectionFailureError("x"),
        pg.SerializationError("x"),
        pg.DeadlockDetectedError("x"),
        pg.TooManyConnectionsError("x"),
        pg.DiskFullError("x"),
        pg.LockNotAvailableError("x"),
        pg.QueryCanceledError("x"),
        pg.AdminShutdownError("x"),
        pg.CrashShutdownError("x"),
        pg.CannotConnectNowError("x"),
        pg.PostgresIOError("x"),
        pg.ReadOnlySQLTransactionError("x"),
        pg.IdleInTransactionSessionTimeoutError("x"),
        pg.InvalidCachedStatementError("x"),
        pg.InternalClientError("cannot switch to state 12; another operation is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InterfaceError("pool is closing"),
        ConnectionRefusedError(),
        FileNotFoundError(2, "No such file or directory"),  # of the socket of Postgres
        ConnectionResetError(),
        socket.gaierror(),
        TimeoutError(),
        asyncio.IncompleteReadError(b"", 4),
        ExceptionGroup("both", [TimeoutError(), pg.AdminShutdownError("x")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_infrastructure(error: BaseException) -> None:
    assert is_infrastructure(error)


@pytest.mark.parametrize(
    "error",
    [
        pg.UniqueViolationError("x"),
        pg.ForeignKeyViolationError("x"),
        pg.NotNullViolationError("x"),
        pg.InvalidTextRepresentationError("x"),
        pg.NumericValueOutOfRangeError("x"),
        pg.UndefinedTableError("x"),
        pg.InvalidPasswordError("x"),
        pg.InvalidCatalogNameError("x"),
        asyncpg.InterfaceError("the server expects 2 arguments for this query, 1 was passed"),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        FileNotFoundError(2, "No such file or directory", "GeoLite2.mmdb"),
        PermissionError(13, "Permission denied", "deploy/config/sources.yaml"),
        ValueError("x"),
        KeyError("x"),
        asyncio.CancelledError(),
        ExceptionGroup("one is ours", [TimeoutError(), ValueError("x")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_not_infrastructure(error: BaseException) -> None:
    assert not is_infrastructure(error)
