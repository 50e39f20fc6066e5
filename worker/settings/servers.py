"""Settings of the servers that the service connects to."""

from pathlib import Path

from pydantic import Field, SecretStr

from worker.environment import EnvironmentSettings


class ServerSettings(EnvironmentSettings):
    """The addresses of servers. `interview-worker up` starts an embedded one for each unset one."""

    redis_url: SecretStr | None = Field(
        None,
        description="Broker: redis://host:6379/0, or amqp://user:password@host/ for RabbitMQ. "
        "Unset: embedded Valkey.",
    )
    redis_key_prefix: str = Field(
        "", description="Prefix of all keys in Redis, if other services share the database."
    )
    mongodb_url: SecretStr | None = Field(
        None, description="Documents and audio, mongodb://host/database. Unset: embedded."
    )
    kafka_bootstrap_servers: str | None = Field(
        None, description="Events and requests, host:9092[,…]. Unset: embedded Tansu."
    )
    data_dir: Path = Field(
        Path(".interview-worker"), description="Directory for data and logs of embedded servers."
    )

    kafka_events_topic: str = Field("interviews.events", description="Topic of lifecycle events.")
    kafka_requests_topic: str = Field("interviews.requested", description="Topic of requests.")
    kafka_group: str = Field("interview-worker", description="Consumer group of the requests.")

    @property
    def log_dir(self) -> Path:
        """The directory of the logs of the local stack."""
        return self.data_dir / "log"
