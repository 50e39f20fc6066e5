"""Elasticsearch: the template and the retention of the log's data stream."""
