"""All SQL of routing, by what it is about."""
