"""Alert rules."""

from monitoring import metrics
from monitoring.metrics.definitions import Metric
from monitoring.stack import thresholds
from monitoring.stack.prometheus.expressions import (
    UP,
    highest,
    increase,
    lowest,
    quantile,
    rate,
    series,
    total,
)
from monitoring.stack.prometheus.recording import (
    EXTERNAL_ERROR_RATE,
    EXTERNAL_RATE,
    HTTP_ERROR_RATE,
    HTTP_RATE,
)
from monitoring.stack.prometheus.rules import Alert, Group, Priority
from monitoring.stack.promql import API
from monitoring.stack.thresholds import Severity

_MONGODB = "interview-worker-mongodb"
EXPORTERS = ("node", "blackbox", "redis", "kafka", "celery")
"""Jobs of exporters: their alerts and queries are silent while they are down."""
_MIN_RPS = 0.1
"""Minimum requests per second; below it, one failure would be a large share."""
_MIN_EVENTS = 20
"""Minimum events in a window for a meaningful quantile or share."""

_MIN_REQUESTS = 3
"""Minimum requests in a window to a service, low because circuit breakers limit the attempts."""

_ALL_DOWN = f"sum by (job) ({UP}) == 0"
_DATABASE_DOWN = f"({highest(metrics.MONGODB_UP)} == 0)"
_BROKER_UPS = (metrics.REDIS_UP, metrics.RABBITMQ_UP)
"""Each sidecar exposes that of its broker."""
_BROKER_DOWN = " or ".join(f"{highest(one)} == 0" for one in _BROKER_UPS)

_KNOWN = f"({_ALL_DOWN} or {highest(metrics.MONGODB_UP)} == 1)"
"""The state of MongoDB is reported by the sidecars, or unknown because all of them are down."""

CRITICAL = (
    Alert(
        thresholds.DOWN.alert,
        f"({_ALL_DOWN}) or absent({UP})",
        "5m",
        Severity.CRITICAL,
        Priority.P1,
        "Interview Worker is down",
        "Prometheus has not reached any sidecar of Interview Worker for 5 minutes.",
    ),
    Alert(
        thresholds.CRITICAL_ERROR_RATE.alert,
        f"{HTTP_ERROR_RATE} / ({HTTP_RATE} > {_MIN_RPS}) "
        f"> {thresholds.CRITICAL_ERROR_RATE.value:g}",
        "5m",
        Severity.CRITICAL,
        Priority.P1,
        "Critical error rate",
        "{{ $value | humanizePercentage }} of requests returned 5xx.",
    ),
    Alert(
        thresholds.DATABASE_DOWN.alert,
        f"(max by (job) ({series(metrics.MONGODB_UP, job=_MONGODB)}) == 0) "
        f'or ((max by (job) (up{{job="{_MONGODB}"}}) == 0 '
        f"or absent({series(metrics.MONGODB_UP, job=_MONGODB)})) unless on () {_KNOWN})",
        "2m",
        Severity.CRITICAL,
        Priority.P1,
        "Database connection lost",
        "MongoDB has been unreachable for 2 minutes, or nothing reports its state.",
    ),
    Alert(
        thresholds.BROKER_DOWN.alert,
        _BROKER_DOWN,
        "2m",
        Severity.CRITICAL,
        Priority.P1,
        "Broker connection lost",
        "The broker has been unreachable for 2 minutes, so no stage can start.",
    ),
    Alert(
        "InterviewWorkerLeaderMissing",
        # Leases are in the database, whose own alert pages.
        f"{total(metrics.LEADER, 'duty')} == 0 unless on (job) {_DATABASE_DOWN}",
        "2m",
        Severity.CRITICAL,
        Priority.P1,
        "No leader",
        "No sidecar has performed {{ $labels.duty }} for 2 minutes.",
    ),
    Alert(
        "InterviewWorkerQueueUnserved",
        f"{total(metrics.CELERY_WORKERS, 'queue_name')} == 0",
        "5m",
        Severity.CRITICAL,
        Priority.P1,
        "No worker for a queue",
        "No worker on any host has consumed {{ $labels.queue_name }} for 5 minutes.",
        "/d/interview-worker-interviews",
    ),
)

_WAITING = f"max by (job) (min_over_time({series(metrics.INTERVIEWS_ACTIVE)}[15m]))"

WARNING = (
    Alert(
        thresholds.HIGH_LATENCY.alert,
        f"{quantile(0.95, metrics.HTTP_DURATION, '5m', path=API)} "
        f"> {thresholds.HIGH_LATENCY.value:g} "
        f"and on (job) {HTTP_RATE} > {_MIN_RPS}",
        "10m",
        Severity.WARNING,
        Priority.P2,
        "High API latency",
        "5 % of requests take longer than {{ $value | humanizeDuration }}.",
    ),
    Alert(
        thresholds.HIGH_MEMORY.alert,
        f"max_over_time({series(metrics.PROCESS_MEMORY)}[5m]) > {thresholds.HIGH_MEMORY.value:.0f}",
        "10m",
        Severity.WARNING,
        Priority.P2,
        "High memory usage",
        "{{ $labels.process }} ({{ $labels.role }}) uses {{ $value | humanize1024 }}B.",
    ),
    Alert(
        thresholds.AI_SERVICE_DOWN.alert,
        f"{EXTERNAL_ERROR_RATE} / {EXTERNAL_RATE} > {thresholds.AI_SERVICE_DOWN.value:g} "
        f"and {increase(metrics.EXTERNAL_REQUESTS, '5m', 'service')} >= {_MIN_REQUESTS}",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "External service failing",
        "{{ $value | humanizePercentage }} of requests to {{ $labels.service }} failed.",
        "/d/interview-worker-analysis",
    ),
    Alert(
        "InterviewWorkerQueueStuck",
        f"{_WAITING} > 0 unless {rate(metrics.STAGE_DURATION, '15m')} > 0",
        "15m",
        Severity.WARNING,
        Priority.P2,
        "Queue stuck",
        "{{ $value }} or more interviews are waiting, and no stage has finished.",
        "/d/interview-worker-interviews",
    ),
    Alert(
        thresholds.OLDEST_MESSAGE.alert,
        f"{highest(metrics.QUEUE_OLDEST_AGE, 'queue')} > {thresholds.OLDEST_MESSAGE.value:g}",
        "10m",
        Severity.WARNING,
        Priority.P2,
        "Message waiting too long",
        "The oldest message of {{ $labels.queue }} is {{ $value | humanizeDuration }} old.",
        "/d/interview-worker-interviews",
    ),
    Alert(
        "InterviewWorkerDeadLettersGrowing",
        f"{increase(metrics.INTERVIEWS, '30m', status='failed')} "
        f"> 0.05 * {increase(metrics.INTERVIEWS, '30m')} "
        f"and {increase(metrics.INTERVIEWS, '30m', status='failed')} >= 5",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "High interview failure count",
        "{{ $value | humanize }} interviews failed within 30 minutes.",
        "/d/interview-worker-interviews",
    ),
    Alert(
        thresholds.CONSUMER_LAG.alert,
        f"{total(metrics.KAFKA_LAG, over='5m')} > {thresholds.CONSUMER_LAG.value:g}",
        "15m",
        Severity.WARNING,
        Priority.P2,
        "Kafka consumer lag",
        "{{ $value }} submissions in Kafka have not been consumed.",
    ),
    Alert(
        thresholds.CIRCUIT_OPEN.alert,
        f"{highest(metrics.CIRCUIT_STATE, 'service', 'endpoint', over='2m')} "
        f"> {thresholds.CIRCUIT_OPEN.value:g}",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "Circuit breaker open",
        "{{ $labels.service }}{{ $labels.endpoint }} is suspended after repeated failures.",
        "/d/interview-worker-analysis",
    ),
    Alert(
        "InterviewWorkerReconcilerBusy",
        f"{increase(metrics.RESUMED, '15m', reason='lease_lapsed|message_lost')} > 10",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "Interviews dispatched again",
        "{{ $value | humanize }} interviews had to be dispatched again within 15 minutes.",
        "/d/interview-worker-interviews",
    ),
    Alert(
        "InterviewWorkerDiskFilling",
        'predict_linear(node_filesystem_avail_bytes{job="node", fstype!~"tmpfs|overlay"}[6h], '
        '24 * 3600) < 0 and node_filesystem_avail_bytes{job="node"} '
        '/ node_filesystem_size_bytes{job="node"} < 0.25',
        "1h",
        Severity.WARNING,
        Priority.P2,
        "A disk fills up",
        "At this rate {{ $labels.mountpoint }} of {{ $labels.instance }} fills up within a day.",
    ),
    Alert(
        "InterviewWorkerCertificateExpiring",
        'probe_ssl_earliest_cert_expiry{job="blackbox"} - time() < 14 * 24 * 3600',
        "1h",
        Severity.WARNING,
        Priority.P2,
        "Certificate expiring",
        "The certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}.",
    ),
    Alert(
        "InterviewWorkerRedisMayEvict",
        f"{highest(metrics.REDIS_MAY_EVICT)} == 1",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "Redis may delete messages",
        "Redis deletes keys when it has used up its memory, because of its maxmemory-policy.",
    ),
    Alert(
        "InterviewWorkerRedisEvicted",
        f"{increase(metrics.REDIS_EVICTED, '10m')} > 0",
        "",
        Severity.WARNING,
        Priority.P2,
        "Redis deleted keys",
        "Redis deleted {{ $value | humanize }} keys within 10 minutes, as its memory is used up.",
    ),
    Alert(
        "InterviewWorkerRedisNotPersistent",
        f"{lowest(metrics.REDIS_PERSISTENT)} == 0",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "Redis is not persistent",
        "A restart of Redis loses all waiting messages.",
    ),
    Alert(
        "InterviewWorkerProbeFails",
        'probe_success{job="blackbox"} == 0',
        "5m",
        Severity.CRITICAL,
        Priority.P1,
        "The API does not answer from outside",
        "{{ $labels.instance }} has not answered for 5 minutes.",
    ),
    Alert(
        "InterviewWorkerLeaderTwice",
        f"{total(metrics.LEADER, 'duty')} > 1",
        "2m",
        Severity.WARNING,
        Priority.P2,
        "Two leaders",
        "{{ $value }} sidecars perform {{ $labels.duty }}.",
    ),
    Alert(
        "InterviewWorkerMetricsNotStored",
        f"{lowest(metrics.RECORDING_UP, 'instance', 'process')} == 0",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "Metrics not stored",
        "{{ $labels.process }} of {{ $labels.instance }} cannot store its metrics.",
    ),
    Alert(
        "InterviewWorkerMetricsDamaged",
        f"{highest(metrics.DAMAGED_FILES, 'instance')} > 0",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "Files of metrics damaged",
        "{{ $value }} files of metrics of {{ $labels.instance }} are damaged or cannot be read.",
    ),
    Alert(
        "InterviewWorkerInstanceDown",
        f"{UP} == 0",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "A sidecar is down",
        "Prometheus has not reached {{ $labels.instance }} for 5 minutes.",
    ),
    Alert(
        "InterviewWorkerWorkerMissing",
        f"{series(metrics.CELERY_WORKER_UP)} == 0",
        "5m",
        Severity.WARNING,
        Priority.P2,
        "A worker is missing",
        "{{ $labels.hostname }} died, and no other worker of {{ $labels.instance }} replaced it.",
        "/d/interview-worker-interviews",
    ),
    Alert(
        "InterviewWorkerSourceFails",
        f"{lowest(metrics.COLLECTOR_UP, 'instance', 'collector')} == 0 "
        f"unless on (job) ({_DATABASE_DOWN} or {_BROKER_DOWN})",
        "10m",
        Severity.WARNING,
        Priority.P2,
        "Metrics source failing",
        "{{ $labels.instance }} cannot read the metrics of {{ $labels.collector }}.",
    ),
)

ALWAYS = (
    metrics.MONGODB_UP,
    metrics.REDIS_UP,
    metrics.INTERVIEWS_ACTIVE,
    metrics.QUEUE_OLDEST_AGE,
    metrics.EVENTS_OLDEST_AGE,
    metrics.PROCESS_MEMORY,
)
"""Metrics used by alerts that exist from the first scrape on, regardless of activity."""

_EITHER: dict[Metric, tuple[Metric, ...]] = {metrics.REDIS_UP: _BROKER_UPS}
"""Metrics of which one or another is exposed."""


def _missing(metric: Metric) -> str:
    there = " or ".join(series(one) for one in _EITHER.get(metric, (metric,)))
    found = f"({there})" if metric in _EITHER else there
    return (
        f"label_replace({UP} == 1 unless on (job, instance) {found}, "
        f'"metric", "{metric.name}", "", "")'
    )


_MISSING = " or ".join(map(_missing, ALWAYS))

INFO = (
    Alert(
        thresholds.SLOW_PROCESSING.alert,
        f"{quantile(0.95, metrics.INTERVIEW_DURATION, '30m', 'type')} "
        f"> {thresholds.SLOW_PROCESSING.value:g} "
        f"and {increase(metrics.INTERVIEW_DURATION, '30m', 'type')} >= {_MIN_EVENTS}",
        "15m",
        Severity.INFO,
        Priority.P3,
        "Slow interview processing",
        "5 % of {{ $labels.type }} interviews take longer than {{ $value | humanizeDuration }}.",
        "/d/interview-worker-interviews",
    ),
    Alert(
        "InterviewWorkerBudgetSpent",
        f"{increase(metrics.EXTERNAL_BUDGET_SKIPS, '1h', 'provider')} > 0",
        "",
        Severity.INFO,
        Priority.P3,
        "Daily budget of a provider spent",
        "{{ $labels.provider }} is skipped until midnight UTC.",
        "/d/interview-worker-analysis",
    ),
    Alert(
        "InterviewWorkerUnpricedModel",
        f"{increase(metrics.EXTERNAL_UNPRICED, '1h', 'provider', 'model')} > 0",
        "",
        Severity.INFO,
        Priority.P3,
        "Model without a price",
        "{{ $labels.model }} of {{ $labels.provider }} is not in the price list.",
        "/d/interview-worker-analysis",
    ),
    Alert(
        "InterviewWorkerExporterDown",
        f'up{{job=~"{"|".join(EXPORTERS)}"}} == 0',
        "15m",
        Severity.INFO,
        Priority.P3,
        "An exporter is down",
        "Prometheus has not reached {{ $labels.job }} ({{ $labels.instance }}) for 15 minutes.",
    ),
    Alert(
        "InterviewWorkerMetricsMissing",
        f"({_MISSING}) unless on (job) ({_DATABASE_DOWN} or {_BROKER_DOWN})",
        "10m",
        Severity.INFO,
        Priority.P3,
        "Metric missing",
        "{{ $labels.instance }} does not expose {{ $labels.metric }}, so its alerts cannot fire.",
    ),
)

WATCHDOG = Alert(
    "InterviewWorkerWatchdog",
    "vector(1)",
    "",
    Severity.INFO,
    Priority.P3,
    "Watchdog: alerting works",
    "This alert always fires. Its absence shows that alerts are not delivered.",
    labels={"watchdog": "true"},
)

GROUPS = (
    Group("interview-worker-critical", CRITICAL),
    Group("interview-worker-warning", WARNING),
    Group("interview-worker-info", (*INFO, WATCHDOG)),
)
