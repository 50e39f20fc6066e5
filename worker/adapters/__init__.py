"""Adapters for external systems. Each SDK is imported by one package only."""
