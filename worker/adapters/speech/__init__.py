"""Speech providers."""
