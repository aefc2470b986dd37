"""``handraise migrate``: the database of this release."""

from __future__ import annotations

from services.cli import output, target
from services.runtime import migrate as migrations


def migrate(
    postgres: output.PostgresOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Bring the database to this release.

    Safe to repeat, and when two start at once.
    """
    dsn = postgres or target.find(data).postgres
    with output.working("migrating"):
        applied = migrations.upgrade(dsn)
    if json:
        output.emit({"applied": applied})
    else:
        output.show(
            [{"applied": line} for line in applied], ["applied"], "the database is up to date"
        )
