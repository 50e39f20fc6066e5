"""Elasticsearch: index template and retention of the log data stream."""
