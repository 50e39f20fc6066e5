"""Mapping of log fields to the Elastic Common Schema (ECS 8)."""

from dataclasses import dataclass
from typing import Literal

Type = Literal["date", "keyword", "long", "match_only_text", "wildcard"]


@dataclass(frozen=True, slots=True)
class Field:
    """The mapping of one log field.

    Attributes:
        line: Its name in a log line.
        ecs: Its name in Elasticsearch.
        type: Its type in Elasticsearch.
        ruby: A Ruby expression over `value` by which Fluentd converts it; None to copy it.
    """

    line: str
    ecs: str
    type: Type
    ruby: str | None = None

    @property
    def expression(self) -> str:
        """The Ruby expression for Fluentd's record."""
        value = f'record["{self.line}"]'
        return value if self.ruby is None else self.ruby.replace("value", value)


FIELDS = (
    Field("timestamp", "@timestamp", "date"),
    Field("level", "log.level", "keyword"),
    Field("logger", "log.logger", "keyword"),
    Field("service", "service.name", "keyword"),
    Field("component", "service.node.name", "keyword"),
    Field("operation", "event.action", "keyword"),
    # Log lines use milliseconds, ECS nanoseconds.
    Field("duration", "event.duration", "long", "value && (value.to_f * 1_000_000).to_i"),
    Field(
        "status",
        "event.outcome",
        "keyword",
        # No braces: Ruby's would end Fluentd's placeholder.
        "value.nil? ? nil : %w(success completed).include?(value) ? 'success' : "
        "%w(failed error refused).include?(value) ? 'failure' : 'unknown'",
    ),
    Field("status", "labels.status", "keyword"),
    Field("interviewId", "labels.interview_id", "keyword"),
    Field("attempt", "labels.attempt", "long"),
    Field("provider", "labels.provider", "keyword"),
    Field("taskId", "labels.task_id", "keyword"),
    Field("userId", "user.id", "keyword"),
    Field("requestId", "http.request.id", "keyword"),
    Field("traceId", "trace.id", "keyword"),
    Field("spanId", "span.id", "keyword"),
    Field("message", "message", "match_only_text"),
    Field("error.type", "error.type", "keyword"),
    Field("error.message", "error.message", "match_only_text"),
    Field("error.stack", "error.stack_trace", "wildcard"),
)
"""All mapped fields; other fields of a line are dropped."""
