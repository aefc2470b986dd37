"""`handraise companies import` and `handraise spend`, on a real database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.cli.main import run

_CSV = "Website;Employees;Industry\nhttps://acme.example;640;Software\nb.example;many;\n;5;x\n"


@pytest.fixture
def dsn(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("HANDRAISE_POSTGRES__DSN", postgres_dsn)
    monkeypatch.delenv("HANDRAISE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return postgres_dsn


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _sql(dsn: str, query: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_a_table_is_imported_again_without_change(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "companies.csv"
    file.write_text(_CSV, "utf-8")
    tried = _said(capsys, "companies", "import", str(file), "--dry-run")
    assert (tried["rows"], tried["companies"], tried["dropped"]) == (3, 1, 2)
    assert (tried["values_dropped"], tried["added"]) == (1, None)
    assert _sql(dsn, "select count(*) from enrichment.companies") == 0
    done = _said(capsys, "companies", "import", str(file))
    assert (done["added"], done["changed"]) == (1, 0)
    again = _said(capsys, "companies", "import", str(file))
    assert (again["added"], again["changed"]) == (0, 0)
    file.write_text(_CSV.replace("640", "700"), "utf-8")
    changed = _said(capsys, "companies", "import", str(file))
    assert (changed["added"], changed["changed"]) == (0, 1)
    assert _sql(dsn, "select facts->>'headcount' from enrichment.companies") == "700"


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "domain,x\n,\n\x00", "domain\nnothing\n"])
def test_a_file_that_is_no_table_fails_with_one_line(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "companies.csv"
    file.write_text(text, "utf-8")
    assert run(["companies", "import", str(file), "--dry-run"]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()[-1:]) == 1


_CALLS = """
insert into enrichment.calls (day, provider, endpoint, lead_id, lane, reserved, outcome, cost)
select (now() at time zone 'utc')::date - ago, provider, 'company', lead::uuid, 'live', 20000,
       outcome, cost
from (values (0, 'hunter', '00000000-0000-0000-0000-000000000001', 'matched', 20000),
             (0, 'hunter', '00000000-0000-0000-0000-000000000002', 'no_match', 0),
             (0, 'hunter', '00000000-0000-0000-0000-000000000002', 'budget_stop', 0),
             (0, 'apollo', '00000000-0000-0000-0000-000000000001', null, null),
             (3, 'hunter', '00000000-0000-0000-0000-000000000001', 'error', 0))
    as c (ago, provider, lead, outcome, cost)
"""


def test_spend_adds_up_by_day_and_by_lead(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    empty = _said(capsys, "spend")
    assert (empty["rows"], empty["total"]) == ([], 0)
    _sql(dsn, _CALLS)
    today = _said(capsys, "spend")
    assert today["total"] == 0.04
    apollo, hunter = today["rows"]
    assert (apollo["provider"], apollo["unsettled"], apollo["cost"]) == ("apollo", 1, 0.02)
    assert (hunter["questions"], hunter["matched"], hunter["missed"]) == (2, 1, 1)
    assert (hunter["stopped"], hunter["cost"]) == (1, 0.02)
    assert len(_said(capsys, "spend", "--days", "7")["rows"]) == 3
    dearest = _said(capsys, "spend", "--by-lead")["rows"][0]
    assert (dearest["lead_id"][-1], dearest["cost"]) == ("1", 0.04)
    lead = _said(capsys, "spend", "--lead", "00000000-0000-0000-0000-000000000001")
    assert [row["outcome"] for row in lead["rows"]].count("matched") == 1
    assert run(["spend"]) == 0
    assert "hunter" in capsys.readouterr().out
