"""Finding interviews and requests that have stopped, and resuming them."""
