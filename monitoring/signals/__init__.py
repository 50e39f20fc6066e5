"""Receivers that turn signals into metrics."""
