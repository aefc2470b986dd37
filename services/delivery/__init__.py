"""Tells reps, tools and CRMs of decisions: AssignmentChanged in, messages out."""
