"""Accepting interviews: validation, idempotency, requests by message."""
