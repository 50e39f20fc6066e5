"""A real RabbitMQ; tests that start it are marked `needs("rabbitmq-server", "epmd")`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import Transient
from tasks.pipeline.queues import QUEUES
from tests.requirements import program
from tests.timing import patience
from worker.adapters.broker.amqp import AmqpBroker
from worker.local.processes.child import Child, stop_all
from worker.local.processes.ports import free_port


@contextmanager
def rabbitmq_server(place: Path, options: str = "") -> Iterator[tuple[Child, str]]:
    """Run a server with its files in a directory; yields the process and its URL.

    Args:
        place: The directory.
        options: Erlang's options, such as `-rabbit consumer_timeout 2000`.
    """
    (place / "plugins").write_text("[].\n")
    port, names = free_port(), free_port()
    # Erlang's name server would keep running if RabbitMQ started it.
    epmd = Child("epmd", [program("epmd"), "-port", str(names)], log=place / "epmd.log")
    server = Child(
        "rabbitmq",
        [program("rabbitmq-server")],
        log=place / "log",
        env={
            "ERL_EPMD_PORT": str(names),
            # The script execs the server instead of starting a child that might be orphaned.
            "RUNNING_UNDER_SYSTEMD": "true",
            "HOME": str(place),
            "RABBITMQ_NODENAME": f"test{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(place / "data"),
            "RABBITMQ_LOG_BASE": str(place / "logs"),
            # Ignore the configuration of a server installed on this machine.
            "RABBITMQ_CONF_ENV_FILE": str(place / "none"),
            "RABBITMQ_CONFIG_FILE": str(place / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(place / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
            "RABBITMQ_PID_FILE": str(place / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": options,
        },
    )
    epmd.start()
    server.start()
    try:
        url = f"amqp://guest:guest@127.0.0.1:{port}//"
        server.wait_until(lambda: _answers(url), patience(60))
        yield server, url
    finally:
        stop_all([server], 10)
        stop_all([epmd], 2)


def _answers(url: str) -> bool:
    reader = AmqpBroker(url, QUEUES)
    try:
        reader.backlog()
    except Transient:
        return False
    finally:
        reader.close()
    return True
