"""Retries, circuit breakers and the rate limit."""
