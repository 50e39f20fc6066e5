"""Embedded servers from PyPI wheels, for a machine without installed servers."""
