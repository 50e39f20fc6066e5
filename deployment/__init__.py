"""What runs around the containers of docker-compose.yml."""
