"""Hostile input for capture's doors: ``python -m tests.fuzz`` for many, hypothesis for some."""
