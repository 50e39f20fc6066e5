"""Fluentd: ships log lines to Elasticsearch."""
