"""What the service does: the interview, its stages, and the ports they reach the world by."""
