"""Faults injected into a real stack, and the notifications that result."""
