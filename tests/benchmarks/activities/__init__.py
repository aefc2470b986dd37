"""A flood of activities beside demo requests."""
