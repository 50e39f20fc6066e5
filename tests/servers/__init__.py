"""Servers that speak as outside services do, for tests."""
