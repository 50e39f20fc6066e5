"""Outgoing HTTP: instrumentation, SSRF protection, error mapping."""
