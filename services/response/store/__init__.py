"""All SQL of response, by what it is about."""
