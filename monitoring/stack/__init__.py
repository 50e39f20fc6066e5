"""What runs beside the service, and the code that writes its configuration."""
