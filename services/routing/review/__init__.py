"""Decisions looked at afterwards, or before they are taken; the command uses it, routing never."""
