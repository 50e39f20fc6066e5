"""Reconciliation: detection and resumption of interviews and requests that have stalled."""
