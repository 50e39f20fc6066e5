"""The three stages as Celery tasks, and the runner they share."""
