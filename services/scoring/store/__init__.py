"""All SQL of scoring. Callers hold a transaction."""
