"""Fluentd's configuration: containers → ECS → Elasticsearch.

https://docs.fluentd.org/configuration
"""

from collections.abc import Iterator

from monitoring.stack.elasticsearch.fields import FIELDS
from monitoring.stack.elasticsearch.template import STREAM

PORT = 24224
HEALTH_PORT = 24220

_HEAD = f"""\
# Made by `make log-config`: change monitoring/stack/, not this.

# What Docker's driver `fluentd` sends.
<source>
  @type forward
  bind 0.0.0.0
  port {PORT}
</source>

<source>
  @type monitor_agent
  bind 0.0.0.0
  port {HEALTH_PORT}
</source>

# A line of a container is the field `log`. What is not JSON goes to @ERROR, and is kept as it is.
<filter interview-worker.**>
  @type parser
  key_name log
  reserve_data false
  <parse>
    @type json
    time_key timestamp
    time_type string
    time_format %Y-%m-%dT%H:%M:%S.%L%z
    keep_time_key true
  </parse>
</filter>

<filter interview-worker.**>
  @type record_transformer
  enable_ruby true
  auto_typecast true
  renew_record true
  <record>
"""

_TAIL = f"""\
  </record>
</filter>

<match interview-worker.**>
  @type relabel
  @label @STORE
</match>

<label @ERROR>
  <filter **>
    @type record_transformer
    enable_ruby true
    renew_record true
    <record>
      @timestamp ${{time.utc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")}}
      message ${{record["log"]}}
      log.level ${{record["source"] == "stderr" ? "ERROR" : "INFO"}}
      service.name interview-worker
      service.node.name ${{record["container_name"].to_s.delete_prefix("/")}}
    </record>
  </filter>
  <match **>
    @type relabel
    @label @STORE
  </match>
</label>

<label @STORE>
  <match **>
    @type elasticsearch
    host elasticsearch
    port 9200
    # A data stream takes nothing but new documents; template and policy are there already.
    index_name {STREAM}
    write_operation create
    suppress_type_name true
    reconnect_on_error true
    reload_on_failure true
    request_timeout 30s
    <buffer>
      @type file
      path /fluentd/buffer
      chunk_limit_size 8m
      total_limit_size 2g
      flush_interval 5s
      flush_thread_count 2
      # Where Elasticsearch is away, lines wait on the disk; where that is full, Fluentd takes no
      # more, and Docker's driver drops the oldest: no container ever waits.
      overflow_action block
      retry_forever true
      retry_max_interval 60s
    </buffer>
  </match>
</label>
"""


def configuration() -> str:
    """The file `fluent.conf`."""
    return _HEAD + "".join(_record()) + _TAIL


def _record() -> Iterator[str]:
    for field in FIELDS:
        yield f"    {field.ecs} ${{{field.expression}}}\n"
