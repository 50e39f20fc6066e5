"""Cases for alert rules: input series and the expected alerts."""

from dataclasses import dataclass, field

JOB = 'job="interview-worker"'
UP = ("up", f'up{{{JOB}, instance="a"}}', "1x200")


@dataclass(frozen=True)
class Case:
    """Input series, and the alerts that fire at a given time.

    Attributes:
        alert: The name of the alert.
        series: The samples of each series, in promtool's notation.
        at: The time of evaluation.
        fires: The labels of each firing alert, in addition to those of its rule.
        shown: The value in the alert's description, as formatted text.
        every: The interval between two samples.
        window: The window of an objective's alert; empty for other alerts.
    """

    alert: str
    series: dict[str, str]
    at: str = "40m"
    fires: tuple[dict[str, str], ...] = ()
    shown: str = ""
    every: str = "1m"
    window: str = field(default="")


def _http(good: str, bad: str = "", path: str = "/api/v1/interviews") -> dict[str, str]:
    base = f'{JOB}, path="{path}", method="GET"'
    found = {f'http_requests_total{{{base}, status="200"}}': good}
    return found | ({f'http_requests_total{{{base}, status="503"}}': bad} if bad else {})


def _buckets(name: str, labels: str, **buckets: str) -> dict[str, str]:
    bounds = {bound.removeprefix("le").replace("_", "."): v for bound, v in buckets.items()}
    return {
        f'{name}_bucket{{{JOB}, {labels}, le="{bound.replace("Inf", "+Inf")}"}}': values
        for bound, values in bounds.items()
    }


_DURATIONS = "http_request_duration_seconds"
_PATH = 'path="/api/v1/interviews", method="GET"'
_STAGES = f'interview_stage_duration_seconds_count{{{JOB}, stage="analyse", status="success"}}'
_LAG = f'kafka_consumer_lag{{{JOB}, topic="interviews.requested", partition="0", group="g"}}'
_DISK = '{job="node", instance="a", mountpoint="/data", fstype="ext4"}'
_EXTERNAL = 'service="openai", endpoint="/v1/chat/completions"'
_INTERVIEW = "interview_processing_duration_seconds"
_MONGODB = 'job="interview-worker-mongodb"'
_ENDED = f'interview_processing_total{{{JOB}, type="screening", status='

CASES: tuple[Case, ...] = (
    # Down: no response, no target, healthy; a restart of the counter must not fire.
    Case(
        "InterviewWorkerDown",
        {f'up{{{JOB}, instance="a"}}': "1x9 0x60"},
        fires=({"job": "interview-worker"},),
    ),
    Case(
        "InterviewWorkerDown",
        {f'up{{{JOB}, instance="a"}}': "1x9 stale"},
        fires=({"job": "interview-worker"},),
    ),
    Case("InterviewWorkerDown", {f'up{{{JOB}, instance="a"}}': "1x9 0 0 1x60"}),
    Case(
        "InterviewWorkerDown",
        {f'up{{{JOB}, instance="a"}}': "0x60", f'up{{{JOB}, instance="b"}}': "1x60"},
    ),
    # One of two sidecars; its restart; and both of them.
    Case(
        "InterviewWorkerInstanceDown",
        {f'up{{{JOB}, instance="a"}}': "0x60", f'up{{{JOB}, instance="b"}}': "1x60"},
        fires=({"job": "interview-worker", "instance": "a"},),
    ),
    Case("InterviewWorkerInstanceDown", {f'up{{{JOB}, instance="a"}}': "1x9 0 0 1x60"}),
    # Errors: half of all requests; one in a thousand; a few at low traffic; and a restart.
    Case(
        "InterviewWorkerCriticalErrorRate",
        _http("0+30x60", "0+30x60"),
        fires=({"job": "interview-worker"},),
        shown="50%",
    ),
    # Low traffic, of which all requests fail, while scrapes and probes succeed.
    Case(
        "InterviewWorkerCriticalErrorRate",
        _http("0x60", "0+10x60") | _http("0+100x60", path="/metrics"),
        fires=({"job": "interview-worker"},),
        shown="100%",
    ),
    Case("InterviewWorkerCriticalErrorRate", _http("0+999x60", "0+1x60")),
    Case("InterviewWorkerCriticalErrorRate", _http("0+0x60", "0+1x60")),
    Case("InterviewWorkerCriticalErrorRate", _http("0+300x20 0+300x40", "0x60")),
    # The database: it does not respond, its exporter does not, both are missing.
    Case(
        "InterviewWorkerDatabaseDown",
        {f"mongodb_up{{{_MONGODB}}}": "1x9 0x60", f"up{{{_MONGODB}}}": "1x70"},
        fires=({"job": "interview-worker-mongodb"},),
    ),
    Case(
        "InterviewWorkerDatabaseDown",
        {f"up{{{_MONGODB}}}": "1x9 0x60"},
        fires=({"job": "interview-worker-mongodb"},),
    ),
    Case("InterviewWorkerDatabaseDown", {}, fires=({"job": "interview-worker-mongodb"},)),
    Case(
        "InterviewWorkerDatabaseDown",
        {f"mongodb_up{{{_MONGODB}}}": "1x9 0 1x60", f"up{{{_MONGODB}}}": "1x70"},
    ),
    # The sidecars, which also serve port 9216, are down: the state of the database is unknown.
    Case(
        "InterviewWorkerDatabaseDown",
        {f"up{{{_MONGODB}}}": "1x9 0x60", f'up{{{JOB}, instance="a"}}': "1x9 0x60"},
    ),
    # The exporter is down, but a sidecar reaches the database.
    Case(
        "InterviewWorkerDatabaseDown",
        {f"up{{{_MONGODB}}}": "1x9 0x60", f'mongodb_up{{{JOB}, instance="a"}}': "1x70"},
    ),
    Case(
        "InterviewWorkerDatabaseDown",
        {f"up{{{_MONGODB}}}": "1x9 0x60", f'mongodb_up{{{JOB}, instance="a"}}': "1x9 0x60"},
        fires=({"job": "interview-worker-mongodb"},),
    ),
    # One of two hosts does not reach the broker; it has an alert of its own.
    Case(
        "InterviewWorkerBrokerDown",
        {
            f'redis_up{{{JOB}, instance="a"}}': "1x9 0x60",
            f'redis_up{{{JOB}, instance="b"}}': "1x70",
        },
    ),
    Case(
        "InterviewWorkerBrokerDown",
        {f"redis_up{{{JOB}}}": "1x9 0x60"},
        fires=({"job": "interview-worker"},),
    ),
    Case("InterviewWorkerBrokerDown", {f"redis_up{{{JOB}}}": "1x9 0 1x60"}),
    Case(
        "InterviewWorkerBrokerDown",
        {f"rabbitmq_up{{{JOB}}}": "1x9 0x60"},
        fires=({"job": "interview-worker"},),
    ),
    Case("InterviewWorkerBrokerDown", {f"rabbitmq_up{{{JOB}}}": "1x70"}),
    # Latency: slow; slow, but with too few requests.
    Case(
        "InterviewWorkerHighLatency",
        _http("0+60x60")
        | _buckets(_DURATIONS, _PATH, le5="0+10x60", le10="0+60x60", leInf="0+60x60"),
        fires=({"job": "interview-worker"},),
        shown="9.7s",
    ),
    # The API is slow, while scrapes and health checks are fast.
    Case(
        "InterviewWorkerHighLatency",
        _http("0+60x60")
        | _buckets(_DURATIONS, _PATH, le5="0+10x60", le10="0+60x60", leInf="0+60x60")
        | _buckets(
            _DURATIONS,
            'path="/metrics", method="GET"',
            le5="0+6000x60",
            le10="0+6000x60",
            leInf="0+6000x60",
        ),
        fires=({"job": "interview-worker"},),
        shown="9.7s",
    ),
    Case(
        "InterviewWorkerHighLatency",
        _http("0+1x60") | _buckets(_DURATIONS, _PATH, le5="0x60", le10="0+1x60", leInf="0+1x60"),
    ),
    Case(
        "InterviewWorkerHighMemoryUsage",
        {f'process_memory_usage_bytes{{{JOB}, role="child", process="w-1"}}': "1048576000x60"},
        fires=({"job": "interview-worker", "role": "child", "process": "w-1"},),
        shown="1000Mi",
    ),
    Case(
        "InterviewWorkerHighMemoryUsage",
        {f'process_memory_usage_bytes{{{JOB}, role="child", process="w-1"}}': "838860800x60"},
    ),
    # A service: it fails; it rejects invalid requests of ours; it got only two requests.
    Case(
        "InterviewWorkerAIServiceDown",
        {
            f'external_api_requests_total{{{JOB}, {_EXTERNAL}, status="200"}}': "0+3x60",
            f'external_api_requests_total{{{JOB}, {_EXTERNAL}, status="error"}}': "0+9x60",
            f'external_api_errors_total{{{JOB}, service="openai"}}': "0+9x60",
        },
        fires=({"job": "interview-worker", "service": "openai"},),
        shown="75%",
    ),
    Case(
        "InterviewWorkerAIServiceDown",
        {f'external_api_requests_total{{{JOB}, {_EXTERNAL}, status="400"}}': "0+9x60"},
    ),
    # A breaker is open and admits one trial a minute; a single call with three attempts.
    Case(
        "InterviewWorkerAIServiceDown",
        {
            f'external_api_requests_total{{{JOB}, {_EXTERNAL}, status="error"}}': "0+1x60",
            f'external_api_errors_total{{{JOB}, service="openai"}}': "0+1x60",
        },
        fires=({"job": "interview-worker", "service": "openai"},),
        shown="100%",
    ),
    Case(
        "InterviewWorkerAIServiceDown",
        {
            f'external_api_requests_total{{{JOB}, {_EXTERNAL}, status="error"}}': "0x5 3x60",
            f'external_api_errors_total{{{JOB}, service="openai"}}': "0x5 3x60",
        },
    ),
    # The queue: interviews wait and none ends; they wait and some end; none waits.
    Case(
        "InterviewWorkerQueueStuck",
        {
            f"interviews_active_total{{{JOB}}}": "7x60",
            _STAGES: "5x60",
        },
        fires=({"job": "interview-worker"},),
        shown="7",
    ),
    Case(
        "InterviewWorkerQueueStuck",
        {
            f"interviews_active_total{{{JOB}}}": "7x60",
            _STAGES: "0+1x60",
        },
    ),
    # Two sidecars report the same interviews, and one alert is enough.
    Case(
        "InterviewWorkerQueueStuck",
        {
            f'interviews_active_total{{{JOB}, instance="a"}}': "7x60",
            f'interviews_active_total{{{JOB}, instance="b"}}': "7x60",
            _STAGES: "5x60",
        },
        fires=({"job": "interview-worker"},),
        shown="7",
    ),
    Case("InterviewWorkerQueueStuck", {f"interviews_active_total{{{JOB}}}": "0x60"}),
    Case(
        "InterviewWorkerOldestMessageTooOld",
        {f'interview_queue_oldest_age_seconds{{{JOB}, queue="interviews.analyse"}}': "0+60x60"},
        fires=({"job": "interview-worker", "queue": "interviews.analyse"},),
        shown="40m 0s",
    ),
    Case(
        "InterviewWorkerOldestMessageTooOld",
        {f'interview_queue_oldest_age_seconds{{{JOB}, queue="interviews.analyse"}}': "600x60"},
    ),
    Case(
        "InterviewWorkerDeadLettersGrowing",
        {f'{_ENDED}"failed"}}': "0+1x60", f'{_ENDED}"success"}}': "0+4x60"},
        fires=({"job": "interview-worker"},),
        shown="30",
    ),
    Case(
        "InterviewWorkerDeadLettersGrowing",
        {f'{_ENDED}"failed"}}': "0x30 1x30", f'{_ENDED}"success"}}': "0+4x60"},
    ),
    Case(
        "InterviewWorkerConsumerLag",
        {_LAG: "5000x60"},
        fires=({"job": "interview-worker"},),
        shown="5000",
    ),
    Case(
        "InterviewWorkerConsumerLag",
        {_LAG: "10x60"},
    ),
    # Two sidecars report the same 600 records.
    Case(
        "InterviewWorkerConsumerLag",
        {_LAG[:-1] + ', instance="a"}': "600x60", _LAG[:-1] + ', instance="b"}': "600x60"},
    ),
    Case(
        "InterviewWorkerCircuitOpen",
        {f"external_api_circuit_state{{{JOB}, {_EXTERNAL}}}": "2x60"},
        fires=(
            {
                "job": "interview-worker",
                "service": "openai",
                "endpoint": "/v1/chat/completions",
            },
        ),
    ),
    Case(
        "InterviewWorkerCircuitOpen",
        {f"external_api_circuit_state{{{JOB}, {_EXTERNAL}}}": "0x20 2 0x60"},
    ),
    Case(
        "InterviewWorkerReconcilerBusy",
        {f'interview_resumptions_total{{{JOB}, stage="analyse", reason="lease_lapsed"}}': "0+2x60"},
        fires=({"job": "interview-worker"},),
        shown="30",
    ),
    Case(
        "InterviewWorkerReconcilerBusy",
        {f'interview_resumptions_total{{{JOB}, stage="analyse", reason="retry"}}': "0+2x60"},
    ),
    Case(
        "InterviewWorkerDiskFilling",
        {
            f"node_filesystem_avail_bytes{_DISK}": "100000-500x200",
            f"node_filesystem_size_bytes{_DISK}": "1000000x200",
        },
        at="8h",
        every="5m",
        fires=({"job": "node", "instance": "a", "mountpoint": "/data", "fstype": "ext4"},),
    ),
    Case(
        "InterviewWorkerDiskFilling",
        {
            f"node_filesystem_avail_bytes{_DISK}": "100000x200",
            f"node_filesystem_size_bytes{_DISK}": "1000000x200",
        },
        at="8h",
        every="5m",
    ),
    Case(
        "InterviewWorkerCertificateExpiring",
        {'probe_ssl_earliest_cert_expiry{job="blackbox", instance="api"}': "871200x200"},
        at="2h",
        fires=({"job": "blackbox", "instance": "api"},),
        shown="10d 0h 0m 0s",
    ),
    Case(
        "InterviewWorkerCertificateExpiring",
        {'probe_ssl_earliest_cert_expiry{job="blackbox", instance="api"}': "8640000x200"},
        at="2h",
    ),
    Case(
        "InterviewWorkerWorkerMissing",
        {
            f'celery_worker_up{{{JOB}, instance="a", hostname="transcribe@a"}}': "1x9 0x60",
            f'celery_worker_up{{{JOB}, instance="a", hostname="analyse@a"}}': "1x70",
            f'celery_worker_up{{{JOB}, instance="b", hostname="transcribe@b"}}': "1x70",
        },
        fires=({"job": "interview-worker", "instance": "a", "hostname": "transcribe@a"},),
    ),
    # It was replaced within the time, or stopped in an orderly way.
    Case(
        "InterviewWorkerWorkerMissing",
        {f'celery_worker_up{{{JOB}, instance="a", hostname="all@a"}}': "1x9 0x3 1x60"},
        at="13m",
    ),
    Case(
        "InterviewWorkerWorkerMissing",
        {f'celery_worker_up{{{JOB}, instance="a", hostname="all@a"}}': "1x9 0x3 stale"},
    ),
    # No host has a worker for a queue; one of two hosts has.
    Case(
        "InterviewWorkerQueueUnserved",
        {
            f'celery_active_worker_count{{{JOB}, instance="a", queue_name="q"}}': "1x9 0x60",
            f'celery_active_worker_count{{{JOB}, instance="b", queue_name="q"}}': "0x70",
        },
        fires=({"job": "interview-worker", "queue_name": "q"},),
    ),
    Case(
        "InterviewWorkerQueueUnserved",
        {
            f'celery_active_worker_count{{{JOB}, instance="a", queue_name="q"}}': "1x9 0x60",
            f'celery_active_worker_count{{{JOB}, instance="b", queue_name="q"}}': "1x70",
        },
    ),
    # One of two hosts cannot read a source.
    Case(
        "InterviewWorkerSourceFails",
        {
            f'monitoring_collector_up{{{JOB}, instance="a", collector="kafka"}}': "0x60",
            f'monitoring_collector_up{{{JOB}, instance="b", collector="kafka"}}': "1x60",
        },
        fires=({"job": "interview-worker", "instance": "a", "collector": "kafka"},),
    ),
    Case(
        "InterviewWorkerSourceFails",
        {
            f'monitoring_collector_up{{{JOB}, collector="mongodb"}}': "0x60",
            f"mongodb_up{{{JOB}}}": "0x60",
        },
    ),
    Case(
        "InterviewWorkerRedisMayEvict",
        {
            f'redis_eviction_allowed{{{JOB}, instance="a"}}': "1x60",
            f'redis_eviction_allowed{{{JOB}, instance="b"}}': "1x60",
        },
        fires=({"job": "interview-worker"},),
    ),
    Case("InterviewWorkerRedisMayEvict", {f"redis_eviction_allowed{{{JOB}}}": "0x60"}),
    # Keys were evicted: of one Redis that two sidecars report, or before both started.
    Case(
        "InterviewWorkerRedisEvicted",
        {
            f'redis_evicted_keys_total{{{JOB}, instance="a"}}': "0x35 30x20",
            f'redis_evicted_keys_total{{{JOB}, instance="b"}}': "0x35 30x20",
        },
        fires=({"job": "interview-worker"},),
        shown="30",
    ),
    Case(
        "InterviewWorkerRedisEvicted",
        {
            f'redis_evicted_keys_total{{{JOB}, instance="a"}}': "30446x60",
            f'redis_evicted_keys_total{{{JOB}, instance="b"}}': "_x30 30446x30",
        },
    ),
    Case(
        "InterviewWorkerRedisNotPersistent",
        {
            f'redis_persistence_enabled{{{JOB}, instance="a"}}': "0x60",
            f'redis_persistence_enabled{{{JOB}, instance="b"}}': "0x60",
        },
        fires=({"job": "interview-worker"},),
    ),
    Case("InterviewWorkerRedisNotPersistent", {f"redis_persistence_enabled{{{JOB}}}": "1x60"}),
    Case(
        "InterviewWorkerProbeFails",
        {'probe_success{job="blackbox", instance="https://api"}': "1x9 0x60"},
        fires=({"job": "blackbox", "instance": "https://api"},),
    ),
    Case(
        "InterviewWorkerProbeFails",
        {'probe_success{job="blackbox", instance="https://api"}': "1x9 0 1x60"},
    ),
    # One of two hosts has lost its exporter; each restarts; a sidecar has an alert of its own.
    Case(
        "InterviewWorkerExporterDown",
        {
            'up{job="node", instance="a:9100"}': "1x9 0x60",
            'up{job="node", instance="b:9100"}': "1x70",
            'up{job="blackbox", instance="https://api"}': "1x9 0x60",
        },
        fires=(
            {"job": "node", "instance": "a:9100"},
            {"job": "blackbox", "instance": "https://api"},
        ),
    ),
    Case(
        "InterviewWorkerExporterDown",
        {
            'up{job="redis", instance="a:9121"}': "1x30 0x9 1x30",
            'up{job="kafka", instance="a:9308"}': "1x30 0x9 1x30",
            f'up{{{JOB}, instance="a"}}': "0x60",
        },
    ),
    # No sidecar leads; one of two does; both do.
    Case(
        "InterviewWorkerLeaderMissing",
        {
            f'interview_worker_leader{{{JOB}, instance="a", duty="relay"}}': "1x9 0x60",
            f'interview_worker_leader{{{JOB}, instance="b", duty="relay"}}': "0x70",
        },
        fires=({"job": "interview-worker", "duty": "relay"},),
    ),
    Case(
        "InterviewWorkerLeaderMissing",
        {
            f'interview_worker_leader{{{JOB}, instance="a", duty="relay"}}': "1x9 0x60",
            f'interview_worker_leader{{{JOB}, instance="b", duty="relay"}}': "0x10 1x60",
        },
    ),
    # The database is down, so nobody can lead, and DatabaseDown pages.
    Case(
        "InterviewWorkerLeaderMissing",
        {
            f'interview_worker_leader{{{JOB}, instance="a", duty="relay"}}': "1x9 0x60",
            f'interview_worker_leader{{{JOB}, instance="b", duty="relay"}}': "0x70",
            f'mongodb_up{{{JOB}, instance="a"}}': "1x9 0x60",
            f'mongodb_up{{{JOB}, instance="b"}}': "1x9 0x60",
        },
    ),
    # The database is reachable.
    Case(
        "InterviewWorkerLeaderMissing",
        {
            f'interview_worker_leader{{{JOB}, instance="a", duty="relay"}}': "1x9 0x60",
            f'mongodb_up{{{JOB}, instance="a"}}': "1x70",
        },
        fires=({"job": "interview-worker", "duty": "relay"},),
    ),
    Case(
        "InterviewWorkerLeaderTwice",
        {
            f'interview_worker_leader{{{JOB}, instance="a", duty="relay"}}': "1x70",
            f'interview_worker_leader{{{JOB}, instance="b", duty="relay"}}': "1x70",
        },
        fires=({"job": "interview-worker", "duty": "relay"},),
        shown="2",
    ),
    Case(
        "InterviewWorkerLeaderTwice",
        {
            f'interview_worker_leader{{{JOB}, instance="a", duty="relay"}}': "1x70",
            f'interview_worker_leader{{{JOB}, instance="b", duty="relay"}}': "0x70",
        },
    ),
    Case(
        "InterviewWorkerMetricsNotStored",
        {
            f'monitoring_recording_up{{{JOB}, instance="a", process="all-1"}}': "1x9 0x60",
            f'monitoring_recording_up{{{JOB}, instance="b", process="all-1"}}': "1x70",
        },
        fires=({"job": "interview-worker", "instance": "a", "process": "all-1"},),
    ),
    Case(
        "InterviewWorkerMetricsNotStored",
        {f'monitoring_recording_up{{{JOB}, instance="a", process="all-1"}}': "1x9 0x2 1x60"},
    ),
    Case(
        "InterviewWorkerMetricsDamaged",
        {
            f'monitoring_damaged_files{{{JOB}, instance="a"}}': "0x9 2x60",
            f'monitoring_damaged_files{{{JOB}, instance="b"}}': "0x70",
        },
        fires=({"job": "interview-worker", "instance": "a"},),
        shown="2",
    ),
    Case(
        "InterviewWorkerMetricsDamaged",
        {f'monitoring_damaged_files{{{JOB}, instance="a"}}': "0x9 1x2 0x60"},
    ),
    Case(
        "InterviewWorkerSlowProcessing",
        _buckets(
            _INTERVIEW,
            'status="success", type="screening"',
            le60="0x60",
            le120="0+2x60",
            leInf="0+2x60",
        )
        | {f'{_INTERVIEW}_count{{{JOB}, status="success", type="screening"}}': "0+2x60"},
        at="50m",
        fires=({"job": "interview-worker", "type": "screening"},),
        shown="1m 57s",
    ),
    Case(
        "InterviewWorkerSlowProcessing",
        _buckets(
            _INTERVIEW,
            'status="success", type="screening"',
            le60="0x60",
            le120="0x59 1",
            leInf="0x59 1",
        )
        | {f'{_INTERVIEW}_count{{{JOB}, status="success", type="screening"}}': "0x59 1"},
        at="60m",
    ),
    Case(
        "InterviewWorkerBudgetSpent",
        {f'external_api_budget_skips_total{{{JOB}, provider="openai"}}': "0x10 3x50"},
        fires=({"job": "interview-worker", "provider": "openai"},),
    ),
    Case(
        "InterviewWorkerBudgetSpent",
        {f'external_api_budget_skips_total{{{JOB}, provider="openai"}}': "3x60"},
    ),
    Case(
        "InterviewWorkerUnpricedModel",
        {f'external_api_unpriced_total{{{JOB}, provider="openai", model="other"}}': "0x10 3x50"},
        fires=({"job": "interview-worker", "provider": "openai", "model": "other"},),
    ),
    Case(
        "InterviewWorkerUnpricedModel",
        {f'external_api_unpriced_total{{{JOB}, provider="openai", model="other"}}': "3x60"},
    ),
    Case("InterviewWorkerWatchdog", {}, fires=({},)),
)

MISSING = (
    "mongodb_up",
    "redis_up",
    "interviews_active_total",
    "interview_queue_oldest_age_seconds",
    "interview_events_oldest_age_seconds",
    "process_memory_usage_bytes",
)


def missing_cases() -> list[Case]:
    """Each metric that is always exposed, missing on one of two hosts; and none missing."""
    there = {
        f'{name}{{{JOB}, instance="{instance}"}}': "1x60"
        for name in ("up", *MISSING)
        for instance in ("a", "b")
    }
    gone = [
        Case(
            "InterviewWorkerMetricsMissing",
            {
                series: values
                for series, values in there.items()
                if not (series.startswith(name) and 'instance="a"' in series)
            },
            fires=({"job": "interview-worker", "instance": "a", "metric": name},),
        )
        for name in MISSING
    ]
    rabbitmq = {name.replace("redis_up", "rabbitmq_up"): values for name, values in there.items()}
    return [
        *gone,
        Case("InterviewWorkerMetricsMissing", there),
        Case("InterviewWorkerMetricsMissing", rabbitmq),
    ]


_WINDOWS = (("1h", "70m", "1m"), ("6h", "7h", "5m"), ("1d", "30h", "30m"), ("3d", "80h", "1h"))
"""For each alert of an objective: its window, the time of evaluation, and the sample interval."""


def objective_cases() -> list[Case]:
    """Cases for each objective: a fast burn, a slow burn, no burn, and no requests at all."""
    cases = []
    for name, bad_all, good_all in (
        ("Availability", _http("0+0x500", "0+60x500"), _http("0+60x500", "0x500")),
        ("Latency", _answered(0), _answered(60)),
        (
            "Operations",
            {f'{_ENDED}"failed"}}': "0+60x500", f'{_ENDED}"success"}}': "0x500"},
            {f'{_ENDED}"success"}}': "0+60x500"},
        ),
        ("Freshness", _age("600x500"), _age("1x500")),
    ):
        alert = f"InterviewWorker{name}BudgetBurn"
        slo = {"job": "interview-worker", "slo": name.lower()}
        for window, at, every in _WINDOWS:
            cases.append(Case(alert, bad_all, at, (slo,), "100%", every, window))
            cases.append(Case(alert, good_all, at, every=every, window=window))
    # Without requests there is no error ratio, which must not fire.
    cases.append(
        Case("InterviewWorkerAvailabilityBudgetBurn", _http("5x500"), "7h", every="5m", window="6h")
    )
    return [*cases, *_slow_burns()]


def _slow_burns() -> list[Case]:
    """Cases for a budget that burns slightly too fast for days, and for one that suffices."""
    alert, slo = (
        "InterviewWorkerAvailabilityBudgetBurn",
        {"job": "interview-worker", "slo": "availability"},
    )
    # 4 errors in 1,000 requests are a burn rate of 4; 1 error in 2,000 is a burn rate of 0.5.
    fast, slow = _http("0+9960x160", "0+40x160"), _http("0+9995x160", "0+5x160")
    return [
        Case(alert, fast, "30h", (slo,), "0.4%", every="30m", window="1d"),
        Case(alert, slow, "30h", every="30m", window="1d"),
        Case(alert, fast, "80h", (slo,), "0.4%", every="1h", window="3d"),
        Case(alert, slow, "80h", every="1h", window="3d"),
    ]


def _answered(fast: int) -> dict[str, str]:
    """Sixty requests a minute, of which `fast` take less than half a second."""
    labels = f'{JOB}, path="/api/v1/interviews", method="GET"'
    return {
        f"{_DURATIONS}_count{{{labels}}}": "0+60x500",
        f'{_DURATIONS}_bucket{{{labels}, le="0.5"}}': f"0+{fast}x500",
    }


def _age(values: str) -> dict[str, str]:
    return {f"interview_events_oldest_age_seconds{{{JOB}}}": values}
