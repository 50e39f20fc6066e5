"""What watches the service."""

SERVICE = "interview-worker"
"""What the service is called in log lines and traces."""
