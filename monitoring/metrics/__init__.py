"""Every metric: its name, its help text, its labels and its buckets. Nothing is named elsewhere.

Those of Celery are in a file of their own.
"""

from monitoring.metrics import celery
from monitoring.metrics.celery import *  # noqa: F403 - all of them are known by this module
from monitoring.metrics.definitions import Counter, ExternalCounter, Gauge, Histogram, Metric

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_CALL = (0.1, 0.5, 1, 2, 5, 10, 30)
_SHARE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1)

# HTTP. `path` is the template of the route; what no route answers is `unmatched`.
HTTP_DURATION = Histogram(
    name="http_request_duration_seconds",
    help="Time to answer a request.",
    labels=("path", "method"),
    buckets=_SHORT,
)
HTTP_REQUESTS = Counter(
    name="http_requests_total",
    help="Requests answered, by status code.",
    labels=("path", "method", "status"),
)
HTTP_IN_FLIGHT = Gauge(
    name="http_requests_in_flight", help="Requests being answered now.", labels=("path",)
)

# Interviews.
INTERVIEW_DURATION = Histogram(
    name="interview_processing_duration_seconds",
    help="Time from the queueing of an interview to its end.",
    labels=("status", "type"),
    buckets=(1, 5, 10, 30, 60, 120, 300),
)
INTERVIEWS = Counter(
    name="interview_processing_total",
    help="Interviews that came to their end: success, failed or cancelled.",
    labels=("status", "type"),
    counts=INTERVIEW_DURATION,
)
INTERVIEWS_ACTIVE = Gauge(
    name="interviews_active_total", help="Interviews in the pipeline, waiting or worked on."
)
INTERVIEWS_IN_STAGE = Gauge(
    name="interviews_in_stage",
    help="Interviews in a stage, waiting or worked on.",
    labels=("stage",),
)
STAGE_DURATION = Histogram(
    name="interview_stage_duration_seconds",
    help="Time of one attempt at a stage: success, retry, failed or unwanted.",
    labels=("stage", "status"),
    buckets=_STAGE,
)
STAGE_RETRIES = Counter(
    name="interview_stage_retries_total",
    help="Attempts at a stage after which another was due, by the code of the error.",
    labels=("stage", "reason"),
)
RESUMED = Counter(
    name="interview_resumptions_total",
    help="Interviews sent on their way again: lease_lapsed, message_lost or retry.",
    labels=("stage", "reason"),
)
QUEUE_DEPTH = Gauge(
    name="interview_queue_depth",
    help="Messages that wait in a queue.",
    labels=("queue", "priority"),
)
QUEUE_RESERVED = Gauge(
    name="interview_queue_reserved",
    help="Messages of a queue that workers hold: running, prefetched or delayed.",
    labels=("queue",),
)
QUEUE_OLDEST_AGE = Gauge(
    name="interview_queue_oldest_age_seconds",
    help="Age of the message that waits longest in a queue; 0 where none waits.",
    labels=("queue",),
)
QUEUE_RESERVED_AGE = Gauge(
    name="interview_queue_reserved_oldest_age_seconds",
    help="Time since a worker took the message of a queue that is held longest; 0 for none.",
    labels=("queue",),
)
CHAIN_OLDEST_AGE = Gauge(
    name="interview_chain_oldest_age_seconds",
    help="Age of the oldest chain of which a message is next in line or held; 0 for none.",
)
QUEUE_WAIT = Histogram(
    name="interview_queue_wait_seconds",
    help="Time from when a message could be taken from its queue to the start of its task.",
    labels=("queue",),
    buckets=celery.BUCKETS,
    sums=(celery.CELERY_QUEUE_WAIT, ("queue_name",)),
)

EVENTS_OLDEST_AGE = Gauge(
    name="interview_events_oldest_age_seconds",
    help="Age of the oldest event that is not yet published; 0 where none waits.",
)

# Transcription.
TRANSCRIPTIONS = Counter(
    name="transcription_requests_total",
    help="Requests to a speech provider: success or error.",
    labels=("provider", "status"),
)
TRANSCRIPTION_DURATION = Histogram(
    name="transcription_duration_seconds",
    help="Time a speech provider took, whatever came of it.",
    labels=("provider",),
    buckets=_STAGE,
)
TRANSCRIPTION_CONFIDENCE = Histogram(
    name="transcription_confidence_score",
    help="Mean confidence of a transcript's words, from 0 to 1.",
    labels=("provider",),
    buckets=_SHARE,
)
TRANSCRIPTION_AUDIO = Counter(
    name="transcription_audio_seconds_total",
    help="Audio transcribed; mode is batch or realtime.",
    labels=("provider", "mode"),
)
TRANSCRIPTION_REAL_TIME_FACTOR = Histogram(
    name="transcription_real_time_factor",
    help="Seconds of work for a second of audio.",
    labels=("provider",),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)
TRANSCRIPTION_RECOVERIES = Counter(
    name="transcription_recoveries_total",
    help="Transcriptions that succeeded after an attempt that had not.",
    labels=("provider",),
)
TRANSCRIPTION_FALLBACKS = Counter(
    name="transcription_fallbacks_total",
    help="Requests passed on to another speech provider after one could not answer.",
    labels=("from_provider", "to_provider"),
)
TRANSCRIPTION_COST = Counter(
    name="transcription_cost_usd_total",
    help="Estimated cost of speech providers, in US dollars.",
    labels=("provider", "model"),
)
AUDIO_SNR = Histogram(
    name="transcription_audio_snr_decibels",
    help="Estimated signal-to-noise ratio of the recordings transcribed.",
    buckets=(0, 5, 10, 15, 20, 25, 30, 40, 50, 60),
)
AUDIO_SILENCE = Histogram(
    name="transcription_audio_silence_ratio",
    help="Share of silence in the recordings transcribed.",
    buckets=_SHARE,
)
AUDIO_CLIPPING = Histogram(
    name="transcription_audio_clipping_ratio",
    help="Share of clipped samples in the recordings transcribed.",
    buckets=(0, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1),
)

# Analysis.
ANALYSES = Counter(
    name="analysis_requests_total",
    help="Requests to a language provider: success or error.",
    labels=("type", "provider", "status"),
)
ANALYSIS_DURATION = Histogram(
    name="analysis_duration_seconds",
    help="Time a language provider took, whatever came of it.",
    labels=("type", "provider"),
    buckets=_STAGE,
)
ANALYSIS_CONFIDENCE = Histogram(
    name="analysis_confidence_score",
    help="Confidence of a part of an analysis, from 0 to 1.",
    labels=("type",),
    buckets=_SHARE,
)
ANALYSIS_TOKENS = Counter(
    name="analysis_tokens_total",
    help="Tokens of language models; direction is input or output.",
    labels=("provider", "model", "direction"),
)
ANALYSIS_COST = Counter(
    name="analysis_cost_usd_total",
    help="Estimated cost of language models, in US dollars.",
    labels=("provider", "model"),
)
ANALYSIS_FALLBACKS = Counter(
    name="analysis_fallbacks_total",
    help="Requests passed on to another provider after one could not answer.",
    labels=("type", "from_provider", "to_provider"),
)
REVIEW_AGREEMENT = Gauge(
    name="analysis_review_agreement_ratio",
    help="Share of the human feedback that agrees with the analysis.",
    labels=("type",),
)

# Scheduling.
SCHEDULINGS = Counter(
    name="scheduling_requests_total",
    help="Attempts to book a follow-up: success, unscheduled or error.",
    labels=("status",),
)
SCHEDULING_DURATION = Histogram(
    name="scheduling_duration_seconds",
    help="Time an attempt to book took, whatever came of it.",
    buckets=_STAGE,
)
CALENDAR_CALLS = Counter(
    name="calendar_api_calls_total",
    help="Calls of a calendar's interface: success or error.",
    labels=("provider", "status"),
)

SCHEDULING_FALLBACKS = Counter(
    name="scheduling_fallbacks_total",
    help="Bookings passed on to another provider of calendars after one could not be used.",
    labels=("from_provider", "to_provider"),
)

# External services.
EXTERNAL_DURATION = Histogram(
    name="external_api_duration_seconds",
    help="Time a request to an external service took.",
    labels=("service", "endpoint", "status"),
    buckets=_CALL,
)
EXTERNAL_REQUESTS = Counter(
    name="external_api_requests_total",
    help="Requests to external services, by HTTP status; `error` where no answer came.",
    labels=("service", "endpoint", "status"),
    counts=EXTERNAL_DURATION,
)
EXTERNAL_ERRORS = Counter(
    name="external_api_errors_total",
    help="Requests to external services that failed: no answer, 401, 403, 408, 429 or 5xx.",
    labels=("service",),
)
EXTERNAL_RETRIES = Counter(
    name="external_api_retries_total",
    help="Times a provider was asked again after it failed, by the code of the error.",
    labels=("provider", "reason"),
)
EXTERNAL_UNPRICED = Counter(
    name="external_api_unpriced_total",
    help="Answers that cost money, of models that the price list does not know.",
    labels=("provider", "model"),
)
EXTERNAL_BUDGET_SKIPS = Counter(
    name="external_api_budget_skips_total",
    help="Times a provider was not asked, as its budget of the day is spent.",
    labels=("provider",),
)
CIRCUIT_OPENINGS = Counter(
    name="external_api_circuit_openings_total",
    help="Times an endpoint failed so often that it was left alone for a while.",
    labels=("service", "endpoint"),
)
CIRCUIT_STATE = Gauge(
    name="external_api_circuit_state",
    help="Whether requests go through: 0 all of them, 1 one that tries, 2 none.",
    labels=("service", "endpoint"),
)
CALLBACKS = Counter(
    name="webhook_callbacks_total",
    help="Events to be posted to a callback URL: delivered, given_up or unwanted.",
    labels=("status",),
)

LOG_LINES_DROPPED = Counter(
    name="log_lines_dropped_total",
    help="Log lines that were dropped, as nobody read them fast enough.",
)

# Processes; `role` is worker, child or sidecar.
_PROCESS = ("role", "process")
PROCESS_CPU = Gauge(
    name="process_cpu_usage",
    help="Cores in use since the last scrape, 1 for one of them.",
    labels=_PROCESS,
)
PROCESS_MEMORY = Gauge(name="process_memory_usage_bytes", help="Resident memory.", labels=_PROCESS)
PROCESS_OPEN_FDS = Gauge(name="process_open_fds", help="Open file descriptors.", labels=_PROCESS)
PROCESS_MAX_FDS = Gauge(
    name="process_max_fds", help="The most file descriptors allowed.", labels=_PROCESS
)
HEAP_USED = Gauge(
    name="python_heap_size_used_bytes",
    help="Private memory in use: heap, arenas and stacks (RssAnon of Linux).",
    labels=_PROCESS,
)
HEAP_TOTAL = Gauge(
    name="python_heap_size_total_bytes",
    help="Private memory asked for: heap, arenas and stacks (VmData of Linux).",
    labels=_PROCESS,
)
PROCESS_STARTED = Gauge(
    name="process_start_time_seconds",
    help="When a process was started, in seconds since the epoch.",
    labels=_PROCESS,
)
NETWORK_RECEIVED = ExternalCounter(
    name="process_network_receive_bytes_total",
    help="Bytes received on all interfaces of the sidecar's host or container.",
)
NETWORK_SENT = ExternalCounter(
    name="process_network_transmit_bytes_total",
    help="Bytes sent on all interfaces of the sidecar's host or container.",
)
BUILD = Gauge(
    name="interview_worker_build_info",
    help="Always 1; the labels tell what runs.",
    labels=("version",),
)

# Stores.
MONGODB_UP = Gauge(name="mongodb_up", help="Whether MongoDB answers, 1 or 0.")
MONGODB_CONNECTIONS = Gauge(
    name="mongodb_connections_active",
    help="Connections to MongoDB that are open, by the role of the server.",
    labels=("type",),
)
MONGODB_AVAILABLE = Gauge(
    name="mongodb_connections_available", help="Connections that MongoDB would still accept."
)
MONGODB_OPERATIONS = ExternalCounter(
    name="mongodb_op_counters_total",
    help="Operations since the start of MongoDB.",
    labels=("type",),
)
REDIS_UP = Gauge(name="redis_up", help="Whether the broker answers, 1 or 0.")
REDIS_CLIENTS = Gauge(name="redis_connected_clients", help="Connections to Redis.")
REDIS_HITS = ExternalCounter(name="redis_keyspace_hits_total", help="Keys looked up and found.")
REDIS_MISSES = ExternalCounter(name="redis_keyspace_misses_total", help="Keys looked up in vain.")
REDIS_MEMORY = Gauge(name="redis_memory_used_bytes", help="Memory that Redis uses.")
REDIS_EVICTED = ExternalCounter(
    name="redis_evicted_keys_total", help="Keys thrown out for want of memory."
)
KAFKA_UP = Gauge(name="kafka_up", help="Whether Kafka answers, 1 or 0.")
KAFKA_LAG = Gauge(
    name="kafka_consumer_lag",
    help="Records that a consumer group has not come to yet.",
    labels=("topic", "partition", "group"),
)
KAFKA_PRODUCED = Counter(
    name="kafka_messages_produced_total",
    help="Records sent to Kafka: success or error.",
    labels=("topic", "status"),
)
KAFKA_CONSUMED = Counter(
    name="kafka_messages_consumed_total",
    help="Records taken from Kafka: success, rejected or error.",
    labels=("topic", "status"),
)

# Monitoring itself.
COLLECTOR_DURATION = Gauge(
    name="monitoring_collector_duration_seconds",
    help="Time that the last reading of a source took.",
    labels=("collector",),
)
COLLECTOR_UP = Gauge(
    name="monitoring_collector_up",
    help="Whether the last reading of a source succeeded in time, 1 or 0.",
    labels=("collector",),
)

ALL: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
"""All of them, those of Celery first."""
