"""Run by Alembic: writes what is pending as SQL, for the shell to run in one transaction."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.operations import Operations, ops
from sqlalchemy import DDL


@Operations.implementation_for(ops.ExecuteSQLOp, replace=True)
def execute_verbatim(operations: Operations, operation: Any) -> None:
    """``op.execute("...")`` as it is written: as a ``text()`` it would take ``{"a":1}`` for a
    parameter and write NULL in its place."""
    statement = operation.sqltext
    if isinstance(statement, str):
        # DDL fills in %(names)s
        statement = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
    operations.migration_context.impl.execute(statement)


attributes = context.config.attributes
context.configure(
    dialect_name="postgresql",
    dialect_opts={"paramstyle": "named"},  # or a % in the SQL would be doubled
    as_sql=True,
    literal_binds=True,
    transactional_ddl=False,  # the shell holds the transaction
    version_table="migrations",
    version_table_schema=attributes["schema"],
    on_version_apply=attributes["on_version_apply"],
)
with context.begin_transaction():
    context.run_migrations()
