"""Turning sound into words."""
