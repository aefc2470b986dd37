"""Fixtures: a Postgres and a Kafka for every test that needs one, and how they were got."""
