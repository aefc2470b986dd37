"""The embedded default: a Postgres and a broker that need no Docker and leave nothing behind."""
