"""Dashboards without Grafana: their JSON and a Prometheus become pages and pictures."""
