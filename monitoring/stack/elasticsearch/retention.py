"""How long lines are kept: written into an index for a day, deleted when it has aged enough."""

from typing import Any

KEPT_DAYS = 90
"""Days after which the youngest line of an index is gone."""

ROLLOVER_DAYS = 1
"""Days after which a new index is begun."""

_LARGEST = "10gb"
"""Size of a primary shard at which a new index is begun before its day is over."""


def policy() -> dict[str, Any]:
    """The policy, as `PUT _ilm/policy/…` takes it.

    The age at which an index is deleted counts from its rollover, not from its creation: its
    youngest line is that old then, and its oldest a day older.
    """
    rollover = {"max_age": f"{ROLLOVER_DAYS}d", "max_primary_shard_size": _LARGEST}
    return {
        "policy": {
            "phases": {
                "hot": {"min_age": "0ms", "actions": {"rollover": rollover}},
                "delete": {"min_age": f"{KEPT_DAYS}d", "actions": {"delete": {}}},
            }
        }
    }
