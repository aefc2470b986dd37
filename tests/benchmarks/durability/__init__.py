"""Accepted means durable, measured: traffic through the loss of each store, and of both."""
