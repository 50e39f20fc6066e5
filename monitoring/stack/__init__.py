"""The monitoring stack beside the service, and the generators of its configuration."""
