"""``territories.yaml`` and the CSV files that it names: from files to tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.base import RoleName
from services.kernel.faults import Fault as ModelFault
from services.kernel.faults import did_you_mean, validation_error
from services.kernel.people import Teams
from services.routing.territories import COLUMNS, Table, TableFault, row_of, table_of
from services.runtime.configfile import Fault, Faults

TERRITORIES = "territories.yaml"

Places = Callable[[int], tuple[str, int]]
"""From a row's number to its file and line."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class TableFile(BaseModel):
    """One table: its rows here, or in a CSV file of the same folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+\.csv$")] | None = None
    """Columns: territory, pool (or nurture), account, country, region, postal_from, postal_to,
    industry, employees_from, employees_to. Empty cells ask nothing."""
    rows: tuple[dict[str, str | int], ...] = ()
    """The same columns by name."""

    @model_validator(mode="after")
    def _one_source(self) -> TableFile:
        faults = [
            ModelFault(("rows", at, name), f"unknown column{did_you_mean(name, COLUMNS)}")
            for at, row in enumerate(self.rows)
            for name in row
            if name not in COLUMNS
        ]
        if (self.file is None) is not bool(self.rows):
            faults.append(ModelFault((), "a table has either a file or rows"))
        if faults:
            raise validation_error("table", faults)
        return self


class TerritoriesFile(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tables: dict[Name, TableFile] = {}


def tables(faults: Faults, files: Mapping[str, str], teams: Teams | None) -> dict[str, Table]:
    """The tables of a set of files; what is wrong is collected in ``faults``."""
    if TERRITORIES not in files:
        return {}
    parsed = faults.parse(TerritoriesFile, TERRITORIES)
    found: dict[str, Table] = {}
    for name, said in parsed.tables.items() if parsed is not None else ():
        table = _table(faults, files, name, said)
        if table is not None:
            found[name] = table
            _check_pools(faults, table, said, teams)
    return found


def named(faults: Faults, files: Mapping[str, str]) -> frozenset[str]:
    """The CSV files that tables of ``territories.yaml`` stand in."""
    parsed = faults.parse(TerritoriesFile, TERRITORIES) if TERRITORIES in files else None
    said = parsed.tables.values() if parsed is not None else ()
    return frozenset(one.file for one in said if one.file is not None)


def places(files: Mapping[str, str]) -> dict[str, Places]:
    """Of each table: from a row's line (or its number, where the rows stand in the YAML) to where
    it stands. The files are a good set."""
    faults = Faults(files)
    parsed = faults.parse(TerritoriesFile, TERRITORIES) if TERRITORIES in files else None
    return {
        name: partial(_in_file, said.file)
        if said.file is not None
        else partial(_inline_place, faults, name)
        for name, said in (parsed.tables.items() if parsed is not None else ())
    }


def _in_file(file: str, line: int) -> tuple[str, int]:
    return file, line


def _inline_place(faults: Faults, table: str, number: int) -> tuple[str, int]:
    return TERRITORIES, faults.locate(TERRITORIES, ("tables", table, "rows", number - 1))


def role_faults(table: Table, teams: Teams, role: RoleName) -> list[str]:
    """Why a role's rule cannot use a table."""
    pools = (teams.pool.get(name) for name in table.pools)
    return [
        f"{pool.id} is for the {pool.role}, these rules are for the {role}"
        for pool in pools
        if pool is not None and pool.role is not role
    ]


def _table(faults: Faults, files: Mapping[str, str], name: str, said: TableFile) -> Table | None:
    if said.file is None:
        return _inline(faults, name, said)
    if said.file not in files:
        faults.add(TERRITORIES, ("tables", name, "file"), f"{said.file} is missing")
        return None
    try:
        return table_of(name, files[said.file])
    except TableFault as error:
        faults.found += [Fault(said.file, line, col, text) for line, col, text in error.faults]
        return None


def _inline(faults: Faults, name: str, said: TableFile) -> Table | None:
    rows = []
    wrong = 0
    for at, cells in enumerate(said.rows):
        row, found = row_of({column: str(cell) for column, cell in cells.items()}, at + 1)
        rows.append(row)
        for column, message in found:
            wrong += 1
            faults.add(TERRITORIES, ("tables", name, "rows", at, column), message)
    return Table(name, rows) if not wrong else None


def _check_pools(faults: Faults, table: Table, said: TableFile, teams: Teams | None) -> None:
    if teams is None:
        return
    for pool, line in table.pools.items():
        known = teams.pool.get(pool)
        message = None
        if known is None:
            message = f"unknown pool {pool}{did_you_mean(pool, tuple(teams.pool))}"
        elif known.motion is not None:
            message = f"{pool} takes {known.motion.value} leads only; a territory takes all"
        if message is None:
            continue
        if said.file is not None:
            faults.found.append(Fault(said.file, line, "pool", message))
        else:
            faults.add(TERRITORIES, ("tables", table.id, "rows", line - 1, "pool"), message)
