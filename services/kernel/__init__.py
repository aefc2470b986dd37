"""What several services decide with: identity, conditions, facts, calendars, people.

Pure: no I/O at run time beyond data that packages carry, no clock, no randomness, no environment.
"""
