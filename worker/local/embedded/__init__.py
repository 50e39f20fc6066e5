"""Real servers out of PyPI wheels, for one machine with nothing installed."""
