"""The environment that Alembic runs every room's migrations in."""
