"""Fluentd: from log lines to Elasticsearch."""
