"""What the service takes of machines and stores."""

from grafana_foundation_sdk.models import units

from monitoring import metrics
from monitoring.stack.grafana.panel_factories import lines
from monitoring.stack.grafana.panels import Row
from monitoring.stack.grafana.queries import highest, per_second_once, series, share
from monitoring.stack.thresholds import HIGH_MEMORY

_PROCESS = "{{role}} {{process}}"

ROW = Row(
    "Resources",
    (
        lines(
            "CPU",
            "Cores in use, by process; a pool's children count by themselves.",
            units.Short,
            (series(metrics.PROCESS_CPU), _PROCESS),
        ),
        lines(
            "Memory",
            "Resident memory, by process. Models are most of it.",
            units.BytesIEC,
            (series(metrics.PROCESS_MEMORY), _PROCESS),
            limits=(HIGH_MEMORY,),
        ),
        lines(
            "Heap",
            "Private memory in use, by process; what is shared with other processes is left out.",
            units.BytesIEC,
            (series(metrics.HEAP_USED), _PROCESS),
        ),
        lines(
            "Database connections",
            "Open connections to MongoDB, and those that it would still accept.",
            units.Short,
            (highest(metrics.MONGODB_CONNECTIONS, "type"), "open, {{type}}"),
            (highest(metrics.MONGODB_AVAILABLE), "available"),
        ),
        lines(
            "Database operations",
            "Operations of MongoDB, by kind.",
            units.OpsPerSecond,
            (per_second_once(metrics.MONGODB_OPERATIONS, "type"), "{{type}}"),
        ),
        lines(
            "Cache hit rate",
            "Share of the keys looked up in Redis that were found. The broker asks for keys that "
            "are mostly not there, so that a low share is no fault.",
            units.PercentUnit,
            (
                share(
                    per_second_once(metrics.REDIS_HITS),
                    f"({per_second_once(metrics.REDIS_HITS)} "
                    f"+ {per_second_once(metrics.REDIS_MISSES)})",
                ),
                "found",
            ),
            maximum=1,
        ),
        lines(
            "Redis memory",
            "Memory that Redis uses. Messages are lost if it has to evict keys.",
            units.BytesIEC,
            (highest(metrics.REDIS_MEMORY), "used"),
        ),
        lines(
            "Network I/O",
            "Bytes on all interfaces of the sidecar's host or container.",
            units.BytesPerSecondSI,
            (per_second_once(metrics.NETWORK_RECEIVED, "instance"), "received, {{instance}}"),
            (per_second_once(metrics.NETWORK_SENT, "instance"), "sent, {{instance}}"),
        ),
        lines(
            "File descriptors",
            "Open file descriptors as a share of those allowed, by process.",
            units.PercentUnit,
            (f"{series(metrics.PROCESS_OPEN_FDS)} / {series(metrics.PROCESS_MAX_FDS)}", _PROCESS),
        ),
    ),
)
