"""The three stages as Celery tasks, and their common runner."""
