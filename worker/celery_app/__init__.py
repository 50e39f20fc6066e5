"""The Celery application: configuration, tasks and processes."""
