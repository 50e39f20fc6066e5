"""kombu's AMQP transport, with publishes that wait for the broker's confirmation.

Without confirmation a publish returns as soon as the message is in the socket's buffer, and the
message is lost without an error if the broker rejects it or stops. A broker whose memory or disk is
full reads nothing from its publishers, so a publish waits for a limited time only.

https://www.rabbitmq.com/docs/confirms#publisher-confirms
https://www.rabbitmq.com/docs/alarms
"""

from collections.abc import Mapping
from typing import Any

from amqp.exceptions import ChannelError, RecoverableConnectionError
from kombu.transport import TRANSPORT_ALIASES, pyamqp

_CONFIRM_SECONDS = 5.0
"""Seconds to wait for the confirmation of a message."""

_NO_METHOD = (0, 0)
"""The class and method of a request whose failure closed a channel, if it was none (channel.close
in AMQP 0-9-1, section 1.5.2.5)."""


class Channel(pyamqp.Channel):
    """A channel whose publishes return once the broker has stored the message in a queue.

    If the broker closes it because a message was not acknowledged in time, the connection counts as
    lost.
    """

    events: Any
    returned_messages: Any

    def basic_publish_confirm(
        self,
        msg: Any,
        exchange: str = "",
        routing_key: str = "",
        mandatory: bool = False,
        *,
        confirm_timeout: float | None = None,
        **options: Any,
    ) -> Any:
        """Publish a message, and wait until the broker has stored it.

        Args:
            msg: The message.
            exchange: The exchange; empty to publish to a queue.
            routing_key: The routing key, or the name of the queue.
            mandatory: Whether a queue must receive it; always so without an exchange.
            confirm_timeout: Seconds to wait for the broker; None for five seconds.
            options: Further arguments of `basic_publish`.

        Raises:
            TimeoutError: The broker has not answered; the connection is closed.
            MessageNacked: The broker could not store the message.
            RecoverableConnectionError: The queue does not exist, or the connection was lost. A
                new connection declares the queue again.
        """
        connection, returned = self.connection, self.returned_messages
        self.events["basic_return"] = {lambda *given: returned.put(given)}
        try:
            result = super().basic_publish_confirm(
                msg,
                exchange,
                routing_key,
                mandatory or not exchange,
                confirm_timeout=confirm_timeout or _CONFIRM_SECONDS,
                **options,
            )
        except TimeoutError:
            # A late confirmation would be taken for that of the next message.
            if connection is not None:
                connection.collect()
            raise
        if not returned.empty():
            # The broker confirms what it has returned, too.
            connection.collect()
            raise RecoverableConnectionError(f"there is no queue {routing_key}")
        return result

    def _on_close(self, code: int, text: str, class_id: int, method_id: int) -> None:
        try:
            super()._on_close(code, text, class_id, method_id)  # type: ignore[misc]
        except ChannelError as error:
            if (class_id, method_id) == _NO_METHOD:
                # A message was not acknowledged in time. Celery's worker would exit, and all its
                # tasks with it, again and again; but it can connect again.
                raise RecoverableConnectionError(text) from error
            raise


class Connection(pyamqp.Connection):
    """A connection with such channels."""

    Channel = Channel


class Transport(pyamqp.Transport):
    """The AMQP transport with such connections."""

    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):
    """The same with TLS, which verifies the certificate and the name of the server.

    The parameters of the URL are those of Redis, such as `ssl_ca_certs`.
    """

    Connection = Connection

    def establish_connection(self) -> Any:
        """Connect; kombu calls this for each connection."""
        client: Any = self.client
        given = client.ssl
        client.ssl = _tls(given if isinstance(given, dict) else {})
        try:
            return super().establish_connection()
        finally:
            # The next connection may be to another server.
            client.ssl = given


def _tls(given: Mapping[str, object]) -> dict[str, object]:
    """The parameters of py-amqp for those of a URL."""
    found = {name.removeprefix("ssl_"): value for name, value in given.items()}
    if found.pop("check_hostname", True):
        # kombu replaces None by the name in the URL; py-amqp does not check it by default.
        found["server_hostname"] = None
    return found


# By scheme, and not by Celery's setting `broker_transport`, which kombu forgets when it switches to
# another server of the URL.
TRANSPORT_ALIASES.update(
    amqp=f"{Transport.__module__}:{Transport.__name__}",
    amqps=f"{SSLTransport.__module__}:{SSLTransport.__name__}",
)


def amqp_settings(url: str) -> dict[str, Any]:
    """Celery's settings for an AMQP broker.

    Args:
        url: The value of `REDIS_URL`.
    """
    return {
        "broker_url": url,
        "broker_transport": None,
        "broker_transport_options": {"confirm_publish": True},
    }
