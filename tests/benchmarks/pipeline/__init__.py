"""The whole pipeline against two floors, on real Kafka and Postgres: ``make bench``."""
