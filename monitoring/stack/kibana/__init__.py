"""Kibana: saved searches and a dashboard of log lines."""
