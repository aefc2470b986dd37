"""All SQL of capture, by what it is about."""
