"""What enrichment costs, and what it costs others to wait for providers."""
