"""Migrations: once, also when two start at once; a refusal that says what to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from services.runtime import migrate
from services.runtime.migrate import SchemaError, upgrade_async, verify

FIRST = """
from alembic import op
revision = "0001"
down_revision = None

def upgrade():
    op.execute('''
        create table ROOM.counters (n integer);
        insert into ROOM.counters values (1);
        select pg_sleep(0.3);
        create function ROOM.half() returns integer language plpgsql as $$
        begin
            return ('{"a":1}'::jsonb->>'a')::int % 2;  -- what parsers of SQL stumble over
        end $$;
    ''')
"""
SECOND = """
from alembic import op
revision = "0002"
down_revision = "0001"

def upgrade():
    op.execute("alter table ROOM.counters add column note text; BROKEN")
"""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one migration, as a room of the house has them."""
    folder = tmp_path / "rooms_of_a_test" / "attic" / "migrations"
    folder.mkdir(parents=True)
    for package in (folder.parent.parent, folder.parent):
        (package / "__init__.py").touch()
    (folder / "0001_first.py").write_text(f'"""The first one."""\n{FIRST}'.replace("ROOM", "attic"))
    monkeypatch.syspath_prepend(tmp_path)
    for package in ("rooms_of_a_test", PACKAGE):  # of another test
        monkeypatch.delitem(sys.modules, package, raising=False)
    return folder


PACKAGE = "rooms_of_a_test.attic"


def second(room: Path, broken: str = "") -> None:
    text = SECOND.replace("ROOM", "attic").replace("BROKEN", broken)
    (room / "0002_second.py").write_text(f'"""The second one."""\n{text}')


async def test_the_house_migrates_and_a_repeat_changes_nothing(empty_postgres_dsn: str) -> None:
    applied = await upgrade_async(empty_postgres_dsn)
    assert applied[0].startswith("handraise: 0001 ")
    assert await upgrade_async(empty_postgres_dsn) == []
    connection = await asyncpg.connect(empty_postgres_dsn)
    await verify(connection, ["services.runtime", "services.cli"])
    assert await connection.fetchval("select count(*) from handraise.installation") == 1
    await connection.close()


async def test_two_processes_at_once_apply_each_revision_once(
    empty_postgres_dsn: str, room: Path
) -> None:
    code = (
        "import sys; sys.path[:0] = [sys.argv[2]]\n"
        "from services.runtime.migrate import upgrade\n"
        f"print(*upgrade(sys.argv[1], ['services.runtime', '{PACKAGE}']), sep='\\n')"
    )
    root = room.parents[2]
    argv = [sys.executable, "-c", code, empty_postgres_dsn, str(root)]
    processes = [
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [await asyncio.to_thread(process.communicate, timeout=40) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    lines = [line for out, _ in outputs for line in out.split("\n") if line]
    assert len(set(lines)) == len(lines), "each of them by one process"
    assert {line.partition(" ")[0] for line in lines} == {"attic:", "handraise:"}
    connection = await asyncpg.connect(empty_postgres_dsn)
    assert await connection.fetchval("select sum(n) from attic.counters") == 1
    assert await connection.fetchval("select attic.half()") == 1
    await connection.close()


async def test_a_revision_that_fails_leaves_the_room_as_it_was(
    empty_postgres_dsn: str, room: Path
) -> None:
    await upgrade_async(empty_postgres_dsn, ["services.runtime", PACKAGE])
    second(room, broken="select 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await upgrade_async(empty_postgres_dsn, [PACKAGE])
    connection = await asyncpg.connect(empty_postgres_dsn)
    assert await connection.fetchval("select version_num from attic.migrations") == "0001"
    columns = "select count(*) from information_schema.columns where table_schema = 'attic'"
    assert await connection.fetchval(f"{columns} and column_name = 'note'") == 0
    second(room)
    assert await upgrade_async(empty_postgres_dsn, [PACKAGE]) == ["attic: 0002 The second one."]
    await connection.close()


async def test_refusals_say_what_to_do(empty_postgres_dsn: str, room: Path) -> None:
    connection = await asyncpg.connect(empty_postgres_dsn)
    with pytest.raises(SchemaError, match="no schema handraise: run `handraise migrate`"):
        await verify(connection, ["services.runtime"])
    await upgrade_async(empty_postgres_dsn, ["services.runtime", PACKAGE])
    await verify(connection, ["services.runtime", PACKAGE])

    second(room)
    with pytest.raises(SchemaError, match="attic is at revision 0001 and this release needs 0002"):
        await verify(connection, [PACKAGE])

    # The database is one release ahead of this code: expanded, so both work.
    await connection.execute("update attic.migrations set version_num = '0003'")
    await verify(connection, [PACKAGE])
    assert await upgrade_async(empty_postgres_dsn, [PACKAGE]) == []

    needed = migrate.CODE_VERSION + 1
    await connection.execute("update handraise.installation set min_code_version = $1", needed)
    with pytest.raises(SchemaError, match=f"needs code version {needed} or later"):
        await verify(connection, [PACKAGE])
    await connection.close()


async def test_a_contracting_revision_raises_the_code_version(
    empty_postgres_dsn: str, room: Path
) -> None:
    (room / "0002_contract.py").write_text(
        '"""Drops the old column."""\n'
        "from services.runtime.migrate import require_code\n"
        'revision = "0002"\ndown_revision = "0001"\n\n'
        "def upgrade():\n    require_code(7)\n    require_code(3)\n"
    )
    await upgrade_async(empty_postgres_dsn, ["services.runtime", PACKAGE])
    connection = await asyncpg.connect(empty_postgres_dsn)
    query = "select min_code_version from handraise.installation"
    assert await connection.fetchval(query) == 7
    await connection.close()
