"""Celery's own programs, run with our application."""

from collections.abc import Sequence

from tasks.errors import Permanent
from worker import process  # noqa: F401 - its signal handlers open the adapters after the fork
from worker.app import QUEUES, create_app
from worker.logs import keep_people_out_of_logs
from worker.monitored import monitored_worker
from worker.settings import Settings, is_loopback


def run_worker(
    settings: Settings, *, queues: Sequence[str], concurrency: int, name: str, events: bool
) -> None:
    """Run a worker until a signal comes; the first one lets it finish what it has in hand."""
    keep_people_out_of_logs()
    app = create_app(settings)
    arguments = [
        "worker",
        f"--queues={','.join(queues or QUEUES)}",
        f"--concurrency={concurrency}",
        f"--hostname={name}@%h",
        f"--loglevel={settings.log_level}",
        # Workers need not know of each other, and the chatter costs at every start.
        "--without-gossip",
        "--without-mingle",
    ]
    with monitored_worker(settings.figures_dir, name):
        app.worker_main([*arguments, "--events"] if events else arguments)


def run_flower(settings: Settings) -> None:
    """Run Flower until a signal comes.

    Raises:
        Permanent: It would listen to other machines, and let anybody in.
    """
    arguments = [
        "flower",
        f"--address={settings.flower_host}",
        f"--port={settings.flower_port}",
    ]
    if settings.flower_basic_auth is not None:
        arguments.append(f"--basic-auth={settings.flower_basic_auth.get_secret_value()}")
    elif not is_loopback(settings.flower_host):
        raise Permanent(
            f"FLOWER_HOST is {settings.flower_host}, and Flower shows people's interviews: "
            "set FLOWER_BASIC_AUTH to user:password",
            code="configuration",
        )
    app = create_app(settings)
    # Flower knows brokers by the scheme of their URL, and would not know our transport.
    app.conf.broker_transport = None
    app.start(arguments)
