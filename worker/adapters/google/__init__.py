"""Shared code for Google's services: credentials, HTTP and errors."""
