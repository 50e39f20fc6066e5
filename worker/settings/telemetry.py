"""Settings of metrics, logs and traces."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from worker.environment import EnvironmentSettings


class TelemetrySettings(EnvironmentSettings):
    """Metrics, logs and traces."""

    mongodb_metrics_port: int = Field(
        9216, ge=0, le=65535, description="Port of MongoDB's metrics alone; 0 takes a free one."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token for the metrics, on both ports. Unset: none is needed."
    )
    metrics_dir: Path | None = Field(
        None, description="Directory that worker and sidecar share. Unset: DATA_DIR/metrics."
    )
    alertmanager_url: str = Field(
        "http://127.0.0.1:9093", description="URL of Alertmanager, for `silence`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level that is logged."
    )
    log_format: Literal["json", "console"] | None = Field(
        None, description="JSON lines, or text for people. Unset: text on a terminal, else JSON."
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None, description="Collector for traces, http://collector:4318 (OTLP). Unset: no traces."
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers for the collector, name=value, separated by commas."
    )
    otel_traces_sampler_arg: float = Field(
        0.1, ge=0, le=1, description="The share of new traces that are sampled."
    )
    jaeger_url: str | None = Field(
        None, description="Jaeger, where `trace` reads spans, http://jaeger:16686. Unset: none."
    )

    @property
    def otlp_headers(self) -> dict[str, str]:
        """The headers for the collector."""
        if self.otel_exporter_otlp_headers is None:
            return {}
        pairs = self.otel_exporter_otlp_headers.get_secret_value().split(",")
        return {
            name.strip(): value.strip()
            for name, _, value in (pair.partition("=") for pair in pairs)
        }
