"""Capture alone, against a bare handler that only produces."""
