"""What runs the service: settings, Celery, the adapters, the HTTP API and the command line."""
