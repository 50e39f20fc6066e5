"""What a Redis server tells about itself, and whether it is safe for messages."""

import logging
from collections.abc import Mapping
from typing import Any

from redis.client import Pipeline
from redis.exceptions import RedisError

from tasks.pipeline.queues import RedisStats
from worker.adapters.broker.redis_address import cluster_refused
from worker.adapters.broker.redis_url import check_files, open_redis

log = logging.getLogger(__name__)

_TIMEOUT = 2.0
"""Seconds to wait for an answer at start."""


def ask_server(pipe: Pipeline) -> None:
    """Add the two commands whose replies `server_stats` reads."""
    pipe.info()
    # INFO does not tell about snapshots. Hosted servers often refuse CONFIG.
    pipe.config_get("save")


def server_stats(info: object, save: object) -> RedisStats:
    """Read the replies to INFO and to CONFIG GET save; either may be an error.

    Servers of other makes leave out fields.
    """
    told: Mapping[str, Any] = info if isinstance(info, Mapping) else {}
    policy = told.get("maxmemory_policy")
    cluster = _number(told, "cluster_enabled")
    return RedisStats(
        clients=_number(told, "connected_clients"),
        hits=_number(told, "keyspace_hits"),
        misses=_number(told, "keyspace_misses"),
        memory=_number(told, "used_memory"),
        evicted=_number(told, "evicted_keys"),
        may_evict=policy != "noeviction" if isinstance(policy, str) else None,
        persistent=_persistent(_number(told, "aof_enabled"), save),
        cluster=bool(cluster) if cluster is not None else None,
    )


def check_redis(url: str) -> None:
    """Check the server at start, and warn if it may lose messages.

    A server that does not answer yet is not checked: Celery waits for it.

    Args:
        url: The value of `REDIS_URL`.

    Raises:
        Permanent: The URL is invalid, a certificate or key cannot be loaded, or the server is a
            node of a Redis Cluster.
    """
    check_files(url)
    client = open_redis(url, _TIMEOUT)
    try:
        with client.pipeline(transaction=False) as pipe:
            ask_server(pipe)
            stats = server_stats(*pipe.execute(raise_on_error=False))
    except RedisError as error:
        log.warning("Redis could not be checked for eviction and persistence: %s", error)
        return
    finally:
        client.close()
    if stats.cluster:
        raise cluster_refused()
    risks = [
        *(["may evict them (set maxmemory-policy noeviction)"] if stats.may_evict else []),
        *(["loses them at a restart (set appendonly yes)"] if stats.persistent is False else []),
    ]
    if risks:
        log.warning("messages are not safe in Redis: it %s", " and ".join(risks))


def _number(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    return value if isinstance(value, int) else None


def _persistent(aof: int | None, save: object) -> bool | None:
    """Whether there is an append-only file or a rule for snapshots; None if that is unknown."""
    rules = save.get("save") if isinstance(save, Mapping) else None
    if aof or rules:
        return True
    return False if aof == 0 and rules == "" else None
