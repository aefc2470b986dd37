"""How late clocks fire with many running."""
