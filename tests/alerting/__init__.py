"""Alerts: their rules, their routes and their runbooks."""
