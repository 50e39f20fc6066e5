"""Previews of dashboards without Grafana, as pages and pictures with data from a Prometheus."""
