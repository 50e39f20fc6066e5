"""What is not logged at any level: the libraries' lines that quote what passes through them."""

import logging

_QUOTING = {
    # Addresses, which name recordings and people's calendars.
    "httpx2": logging.WARNING,
    "httpcore2": logging.INFO,
    "urllib3": logging.INFO,
    "urllib3_future": logging.INFO,
    "niquests": logging.INFO,
    "caldav": logging.INFO,
    # Commands and answers, and so whole interviews.
    "pymongo": logging.INFO,
    "kafka": logging.INFO,
    # The arguments of tasks, and so what producers send.
    "celery.pool": logging.INFO,
}


def keep_people_out_of_logs() -> None:
    """Hold back the lines that would show names, addresses and texts, whatever `LOG_LEVEL` says."""
    for name, level in _QUOTING.items():
        logging.getLogger(name).setLevel(level)
