"""Run by Alembic: writes what is pending as SQL, for the shell to run in one transaction."""

from __future__ import annotations

from alembic import context

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
