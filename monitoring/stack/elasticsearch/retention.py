"""Index lifecycle of logs: daily rollover, deletion by age."""

from typing import Any

KEPT_DAYS = 90
"""Days after which the newest line of an index is deleted."""

ROLLOVER_DAYS = 1
"""Days after which a new index is started."""

_MAX_SHARD_SIZE = "10gb"
"""Size of a primary shard at which a new index is started early."""


def policy() -> dict[str, Any]:
    """The policy in the format of `PUT _ilm/policy/…`.

    The age at deletion counts from the rollover, not from the creation: it is the age of the newest
    line; the oldest is a day older.
    """
    rollover = {"max_age": f"{ROLLOVER_DAYS}d", "max_primary_shard_size": _MAX_SHARD_SIZE}
    return {
        "policy": {
            "phases": {
                "hot": {"min_age": "0ms", "actions": {"rollover": rollover}},
                "delete": {"min_age": f"{KEPT_DAYS}d", "actions": {"delete": {}}},
            }
        }
    }
