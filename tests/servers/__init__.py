"""Test servers that imitate external services."""
