"""Definitions of all metrics: names, help texts, labels and buckets. No other module defines any.

Those of Celery are in `monitoring.metrics.celery`.
"""

from monitoring.metrics import celery, labels
from monitoring.metrics.celery import *  # noqa: F403 - re-exports every metric of Celery
from monitoring.metrics.definitions import (
    Counter,
    ExternalCounter,
    Gauge,
    Histogram,
    Metric,
    Scope,
)

_SHARED = Scope.SHARED

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_CALL = (0.1, 0.5, 1, 2, 5, 10, 30)
_SHARE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1)

# HTTP. `path` is the route's template; requests without a route have `unmatched`.
HTTP_DURATION = Histogram(
    name="http_request_duration_seconds",
    help="Duration of a request.",
    labels=(labels.PATH, labels.METHOD),
    buckets=_SHORT,
)
HTTP_REQUESTS = Counter(
    name="http_requests_total",
    help="Requests by status code.",
    labels=(labels.PATH, labels.METHOD, labels.HTTP_STATUS),
)
HTTP_IN_FLIGHT = Gauge(
    name="http_requests_in_flight", help="Requests in flight.", labels=(labels.PATH,)
)

# Interviews.
INTERVIEW_DURATION = Histogram(
    name="interview_processing_duration_seconds",
    help="Time from queueing to the end of an interview.",
    labels=(labels.INTERVIEW_STATUS, labels.INTERVIEW_TYPE),
    buckets=(1, 5, 10, 30, 60, 120, 300),
)
INTERVIEWS = Counter(
    name="interview_processing_total",
    help="Finished interviews: success, failed or cancelled.",
    labels=(labels.INTERVIEW_STATUS, labels.INTERVIEW_TYPE),
    counts=INTERVIEW_DURATION,
)
INTERVIEWS_ACTIVE = Gauge(
    name="interviews_active_total",
    help="Interviews in the pipeline, waiting or running.",
    scope=_SHARED,
)
INTERVIEWS_IN_STAGE = Gauge(
    name="interviews_in_stage",
    help="Interviews in a stage, waiting or running.",
    labels=(labels.STAGE,),
    scope=_SHARED,
)
STAGE_DURATION = Histogram(
    name="interview_stage_duration_seconds",
    help="Duration of an attempt at a stage: success, retry, failed or unwanted.",
    labels=(labels.STAGE, labels.ATTEMPT_STATUS),
    buckets=_STAGE,
)
STAGE_RETRIES = Counter(
    name="interview_stage_retries_total",
    help="Failed attempts at a stage that were retried, by error code.",
    labels=(labels.STAGE, labels.ERROR_CODE),
)
RESUMED = Counter(
    name="interview_resumptions_total",
    help="Interviews dispatched again: lease_lapsed, message_lost or retry.",
    labels=(labels.STAGE, labels.RESUMPTION_REASON),
)
QUEUE_DEPTH = Gauge(
    name="interview_queue_depth",
    help="Messages waiting in a queue.",
    labels=(labels.QUEUE, labels.PRIORITY),
    scope=_SHARED,
)
QUEUE_RESERVED = Gauge(
    name="interview_queue_reserved",
    help="Unacknowledged messages of a queue: running, prefetched or delayed.",
    labels=(labels.QUEUE,),
    scope=_SHARED,
)
QUEUE_OLDEST_AGE = Gauge(
    name="interview_queue_oldest_age_seconds",
    help="Age of the oldest waiting message in a queue; 0 if none waits.",
    labels=(labels.QUEUE,),
    scope=_SHARED,
)
QUEUE_RESERVED_AGE = Gauge(
    name="interview_queue_reserved_oldest_age_seconds",
    help="Time since delivery of the oldest unacknowledged message of a queue; 0 if none.",
    labels=(labels.QUEUE,),
    scope=_SHARED,
)
CHAIN_OLDEST_AGE = Gauge(
    name="interview_chain_oldest_age_seconds",
    help="Age of the oldest chain with a waiting or unacknowledged message; 0 if none.",
    scope=_SHARED,
)
QUEUE_WAIT = Histogram(
    name="interview_queue_wait_seconds",
    help="Time from when a message was due in its queue to the start of its task.",
    labels=(labels.QUEUE,),
    buckets=celery.BUCKETS,
    sums=(celery.CELERY_QUEUE_WAIT, ("queue_name",)),
)

EVENTS_OLDEST_AGE = Gauge(
    name="interview_events_oldest_age_seconds",
    help="Age of the oldest unpublished event; 0 if there is none.",
    scope=_SHARED,
)

# Transcription.
TRANSCRIPTIONS = Counter(
    name="transcription_requests_total",
    help="Requests to a speech provider: success, error or unwanted.",
    labels=(labels.PROVIDER, labels.TRANSCRIPTION_STATUS),
)
TRANSCRIPTION_DURATION = Histogram(
    name="transcription_duration_seconds",
    help="Duration of a request to a speech provider, successful or not.",
    labels=(labels.PROVIDER,),
    buckets=_STAGE,
)
TRANSCRIPTION_CONFIDENCE = Histogram(
    name="transcription_confidence_score",
    help="Mean confidence of a transcript's words, from 0 to 1.",
    labels=(labels.PROVIDER,),
    buckets=_SHARE,
)
TRANSCRIPTION_AUDIO = Counter(
    name="transcription_audio_seconds_total",
    help="Duration of transcribed audio; mode is batch or realtime.",
    labels=(labels.PROVIDER, labels.MODE),
)
TRANSCRIPTION_REAL_TIME_FACTOR = Histogram(
    name="transcription_real_time_factor",
    help="Processing time per second of audio.",
    labels=(labels.PROVIDER,),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)
TRANSCRIPTION_RECOVERIES = Counter(
    name="transcription_recoveries_total",
    help="Transcriptions that succeeded after a failed attempt.",
    labels=(labels.PROVIDER,),
)
TRANSCRIPTION_FALLBACKS = Counter(
    name="transcription_fallbacks_total",
    help="Requests that fell back to another speech provider.",
    labels=(labels.FROM_PROVIDER, labels.TO_PROVIDER),
)
TRANSCRIPTION_COST = Counter(
    name="transcription_cost_usd_total",
    help="Estimated cost of speech providers, in US dollars.",
    labels=(labels.PROVIDER, labels.MODEL),
)
AUDIO_SNR = Histogram(
    name="transcription_audio_snr_decibels",
    help="Estimated signal-to-noise ratio of transcribed recordings.",
    buckets=(0, 5, 10, 15, 20, 25, 30, 40, 50, 60),
)
AUDIO_SILENCE = Histogram(
    name="transcription_audio_silence_ratio",
    help="Share of silence in transcribed recordings.",
    buckets=_SHARE,
)
AUDIO_CLIPPING = Histogram(
    name="transcription_audio_clipping_ratio",
    help="Share of clipped samples in transcribed recordings.",
    buckets=(0, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1),
)

# Analysis.
ANALYSES = Counter(
    name="analysis_requests_total",
    help="Requests to a language provider: success or error.",
    labels=(labels.ANALYSIS_TYPE, labels.PROVIDER, labels.OUTCOME),
)
ANALYSIS_DURATION = Histogram(
    name="analysis_duration_seconds",
    help="Duration of a request to a language provider, successful or not.",
    labels=(labels.ANALYSIS_TYPE, labels.PROVIDER),
    buckets=_STAGE,
)
ANALYSIS_CONFIDENCE = Histogram(
    name="analysis_confidence_score",
    help="Confidence of a part of an analysis, from 0 to 1.",
    labels=(labels.ANALYSIS_TYPE,),
    buckets=_SHARE,
)
ANALYSIS_TOKENS = Counter(
    name="analysis_tokens_total",
    help="Tokens of language models; direction is input or output.",
    labels=(labels.PROVIDER, labels.MODEL, labels.DIRECTION),
)
ANALYSIS_COST = Counter(
    name="analysis_cost_usd_total",
    help="Estimated cost of language models, in US dollars.",
    labels=(labels.PROVIDER, labels.MODEL),
)
ANALYSIS_FALLBACKS = Counter(
    name="analysis_fallbacks_total",
    help="Requests that fell back to another language provider.",
    labels=(labels.ANALYSIS_TYPE, labels.FROM_PROVIDER, labels.TO_PROVIDER),
)
REVIEW_AGREEMENT = Gauge(
    name="analysis_review_agreement_ratio",
    help="Share of human feedback that agrees with the analysis.",
    labels=(labels.ANALYSIS_TYPE,),
    scope=_SHARED,
)

# Scheduling.
SCHEDULINGS = Counter(
    name="scheduling_requests_total",
    help="Attempts to book a follow-up: success, unscheduled or error.",
    labels=(labels.SCHEDULING_STATUS,),
)
SCHEDULING_DURATION = Histogram(
    name="scheduling_duration_seconds",
    help="Duration of an attempt to book, successful or not.",
    buckets=_STAGE,
)
CALENDAR_CALLS = Counter(
    name="calendar_api_calls_total",
    help="Calls to a calendar's API: success or error.",
    labels=(labels.PROVIDER, labels.OUTCOME),
)

SCHEDULING_FALLBACKS = Counter(
    name="scheduling_fallbacks_total",
    help="Bookings that fell back to another calendar provider.",
    labels=(labels.FROM_PROVIDER, labels.TO_PROVIDER),
)

# External services.
EXTERNAL_DURATION = Histogram(
    name="external_api_duration_seconds",
    help="Duration of a request to an external service.",
    labels=(labels.SERVICE, labels.ENDPOINT, labels.EXTERNAL_STATUS),
    buckets=_CALL,
)
EXTERNAL_REQUESTS = Counter(
    name="external_api_requests_total",
    help="Requests to external services, by HTTP status, or `error` without a response.",
    labels=(labels.SERVICE, labels.ENDPOINT, labels.EXTERNAL_STATUS),
    counts=EXTERNAL_DURATION,
)
EXTERNAL_ERRORS = Counter(
    name="external_api_errors_total",
    help="Failed requests to external services: no response, 401, 403, 408, 429 or 5xx.",
    labels=(labels.SERVICE,),
)
EXTERNAL_RETRIES = Counter(
    name="external_api_retries_total",
    help="Retries of provider calls, by error code.",
    labels=(labels.PROVIDER, labels.ERROR_CODE),
)
EXTERNAL_UNPRICED = Counter(
    name="external_api_unpriced_total",
    help="Billed answers of models that are not in the price list.",
    labels=(labels.PROVIDER, labels.MODEL),
)
EXTERNAL_BUDGET_SKIPS = Counter(
    name="external_api_budget_skips_total",
    help="Calls skipped because a provider's daily budget was spent.",
    labels=(labels.PROVIDER,),
)
CIRCUIT_OPENINGS = Counter(
    name="external_api_circuit_openings_total",
    help="Times a circuit breaker opened after repeated failures.",
    labels=(labels.SERVICE, labels.ENDPOINT),
)
CIRCUIT_STATE = Gauge(
    name="external_api_circuit_state",
    help="State of a circuit breaker: 0 closed, 1 half-open, 2 open.",
    labels=(labels.SERVICE, labels.ENDPOINT),
    scope=_SHARED,
)
CALLBACKS = Counter(
    name="webhook_callbacks_total",
    help="Finished callbacks: delivered, given_up or unwanted.",
    labels=(labels.CALLBACK_STATUS,),
)

LOG_LINES_DROPPED = Counter(
    name="log_lines_dropped_total",
    help="Log lines dropped because the reader was too slow.",
)

# Processes; `role` is worker, child or sidecar.
_PROCESS = (labels.ROLE, labels.PROCESS)
PROCESS_CPU = Gauge(
    name="process_cpu_usage",
    help="CPU cores in use since the last scrape.",
    labels=_PROCESS,
)
PROCESS_MEMORY = Gauge(name="process_memory_usage_bytes", help="Resident memory.", labels=_PROCESS)
PROCESS_OPEN_FDS = Gauge(name="process_open_fds", help="Open file descriptors.", labels=_PROCESS)
PROCESS_MAX_FDS = Gauge(
    name="process_max_fds", help="Maximum number of open file descriptors.", labels=_PROCESS
)
HEAP_USED = Gauge(
    name="python_heap_size_used_bytes",
    help="Private memory in use: heap, arenas and stacks (RssAnon of Linux).",
    labels=_PROCESS,
)
HEAP_TOTAL = Gauge(
    name="python_heap_size_total_bytes",
    help="Private memory allocated: heap, arenas and stacks (VmData of Linux).",
    labels=_PROCESS,
)
NODEJS_HEAP_USED = Gauge(
    name="nodejs_heap_size_used_bytes",
    help="Alias of python_heap_size_used_bytes, for queries that use this name.",
    labels=_PROCESS,
)
NODEJS_HEAP_TOTAL = Gauge(
    name="nodejs_heap_size_total_bytes",
    help="Alias of python_heap_size_total_bytes, for queries that use this name.",
    labels=_PROCESS,
)
PROCESS_STARTED = Gauge(
    name="process_start_time_seconds",
    help="Start time of a process, in seconds since the epoch.",
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
    help="Always 1; the labels give the version.",
    labels=(labels.VERSION,),
)
LEADER = Gauge(
    name="interview_worker_leader",
    help="Whether this sidecar is the leader that performs a duty for all, 1 or 0.",
    labels=(labels.DUTY,),
)

# Stores.
MONGODB_UP = Gauge(name="mongodb_up", help="Whether MongoDB is reachable, 1 or 0.", scope=_SHARED)
MONGODB_CONNECTIONS = Gauge(
    name="mongodb_connections_active",
    help="Open connections to MongoDB, by the server's role.",
    labels=(labels.MONGODB_ROLE,),
    scope=_SHARED,
)
MONGODB_AVAILABLE = Gauge(
    name="mongodb_connections_available",
    help="Remaining connections that MongoDB accepts.",
    scope=_SHARED,
)
MONGODB_OPERATIONS = ExternalCounter(
    name="mongodb_op_counters_total",
    help="Operations since MongoDB started.",
    labels=(labels.MONGODB_OPERATION,),
    scope=_SHARED,
)
REDIS_UP = Gauge(
    name="redis_up",
    help="Whether Redis is reachable, 1 or 0; absent if the broker is another one.",
    scope=_SHARED,
)
RABBITMQ_UP = Gauge(
    name="rabbitmq_up",
    help="Whether RabbitMQ is reachable, 1 or 0; absent if the broker is another one.",
    scope=_SHARED,
)
REDIS_CLIENTS = Gauge(
    name="redis_connected_clients", help="Client connections to Redis.", scope=_SHARED
)
REDIS_HITS = ExternalCounter(
    name="redis_keyspace_hits_total", help="Successful key lookups.", scope=_SHARED
)
REDIS_MISSES = ExternalCounter(
    name="redis_keyspace_misses_total", help="Failed key lookups.", scope=_SHARED
)
REDIS_MEMORY = Gauge(name="redis_memory_used_bytes", help="Memory used by Redis.", scope=_SHARED)
REDIS_EVICTED = ExternalCounter(
    name="redis_evicted_keys_total", help="Keys evicted because of the memory limit.", scope=_SHARED
)
REDIS_MAY_EVICT = Gauge(
    name="redis_eviction_allowed",
    help="Whether Redis may delete messages when memory is short, 1 or 0; absent if unknown.",
    scope=_SHARED,
)
REDIS_PERSISTENT = Gauge(
    name="redis_persistence_enabled",
    help="Whether Redis writes messages to disk, 1 or 0; absent if unknown.",
    scope=_SHARED,
)
KAFKA_UP = Gauge(name="kafka_up", help="Whether Kafka is reachable, 1 or 0.", scope=_SHARED)
KAFKA_LAG = Gauge(
    name="kafka_consumer_lag",
    help="Records not yet consumed by a consumer group.",
    labels=(labels.TOPIC, labels.PARTITION, labels.GROUP),
    scope=_SHARED,
)
KAFKA_PRODUCED = Counter(
    name="kafka_messages_produced_total",
    help="Records sent to Kafka: success or error.",
    labels=(labels.TOPIC, labels.OUTCOME),
)
KAFKA_CONSUMED = Counter(
    name="kafka_messages_consumed_total",
    help="Records consumed from Kafka: success, rejected or error.",
    labels=(labels.TOPIC, labels.CONSUMED_STATUS),
)

# Monitoring itself.
COLLECTOR_DURATION = Gauge(
    name="monitoring_collector_duration_seconds",
    help="Duration of the last reading of a source.",
    labels=(labels.COLLECTOR,),
)
COLLECTOR_UP = Gauge(
    name="monitoring_collector_up",
    help="Whether the last reading of a source succeeded in time, 1 or 0.",
    labels=(labels.COLLECTOR,),
)
RECORDING_UP = Gauge(
    name="monitoring_recording_up",
    help="Whether a process can store its metrics, 1 or 0; otherwise it keeps them in memory.",
    labels=(labels.PROCESS,),
)
DAMAGED_FILES = Gauge(
    name="monitoring_damaged_files",
    help="Files in the metrics directory that were set aside as damaged, or cannot be read.",
)

ALL: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
"""All metrics, those of Celery first."""
