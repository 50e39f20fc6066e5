"""Dashboard: resource usage of processes and stores."""

from grafana_foundation_sdk.models import units

from monitoring import metrics
from monitoring.stack.grafana.panel_factories import lines
from monitoring.stack.grafana.panels import Row
from monitoring.stack.grafana.queries import highest, per_second, series, share
from monitoring.stack.thresholds import HIGH_MEMORY

_PROCESS = "{{instance}} {{role}} {{process}}"

ROW = Row(
    "Resources",
    (
        lines(
            "CPU",
            "CPU cores in use, by process; pool processes are listed separately.",
            units.Short,
            (series(metrics.PROCESS_CPU), _PROCESS),
        ),
        lines(
            "Memory",
            "Resident memory, by process; most of it is models.",
            units.BytesIEC,
            (series(metrics.PROCESS_MEMORY), _PROCESS),
            limits=(HIGH_MEMORY,),
        ),
        lines(
            "Heap",
            "Private memory in use, by process; shared memory is not counted.",
            units.BytesIEC,
            (series(metrics.HEAP_USED), _PROCESS),
        ),
        lines(
            "Database connections",
            "Open connections to MongoDB, and remaining ones that it accepts.",
            units.Short,
            (highest(metrics.MONGODB_CONNECTIONS, "type"), "open, {{type}}"),
            (highest(metrics.MONGODB_AVAILABLE), "available"),
        ),
        lines(
            "Database operations",
            "MongoDB operations, by type.",
            units.OpsPerSecond,
            (per_second(metrics.MONGODB_OPERATIONS, "type"), "{{type}}"),
        ),
        lines(
            "Cache hit rate",
            "Share of successful key lookups in Redis. Celery often looks up keys that do "
            "not exist, so a low share is normal.",
            units.PercentUnit,
            (
                share(
                    per_second(metrics.REDIS_HITS),
                    f"({per_second(metrics.REDIS_HITS)} + {per_second(metrics.REDIS_MISSES)})",
                ),
                "found",
            ),
            maximum=1,
        ),
        lines(
            "Redis memory",
            "Memory used by Redis. Messages are lost if it has to evict keys.",
            units.BytesIEC,
            (highest(metrics.REDIS_MEMORY), "used"),
        ),
        lines(
            "Network I/O",
            "Network traffic of the sidecar's host or container, all interfaces.",
            units.BytesPerSecondSI,
            (per_second(metrics.NETWORK_RECEIVED, "instance"), "received, {{instance}}"),
            (per_second(metrics.NETWORK_SENT, "instance"), "sent, {{instance}}"),
        ),
        lines(
            "File descriptors",
            "Open file descriptors as a share of the limit, by process.",
            units.PercentUnit,
            (f"{series(metrics.PROCESS_OPEN_FDS)} / {series(metrics.PROCESS_MAX_FDS)}", _PROCESS),
        ),
    ),
)
