"""From log lines to Elasticsearch and Kibana: one table, and the configuration made of it."""
