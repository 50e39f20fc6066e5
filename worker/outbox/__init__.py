"""Publishing recorded events: the Kafka relay and webhooks."""
