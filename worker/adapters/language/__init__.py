"""Providers that understand what was said."""
