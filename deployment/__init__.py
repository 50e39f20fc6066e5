"""Deployment with Docker Compose."""
