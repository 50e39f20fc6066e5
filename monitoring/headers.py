"""Message headers that publishers set for queue metrics."""

PUBLISHED_AT = "published_at"
"""When this message was published, in seconds since the epoch."""

CHAIN_PUBLISHED_AT = "chain_published_at"
"""When the first message of its chain was published, in seconds since the epoch."""
