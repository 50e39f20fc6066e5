"""The service: use cases, adapters, settings, Celery, the HTTP API and the command line."""
