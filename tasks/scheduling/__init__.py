"""Scheduling of the follow-up meeting."""
