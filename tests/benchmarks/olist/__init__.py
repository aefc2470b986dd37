"""Real leads through the whole pipeline: ``python -m tests.benchmarks.olist``."""
