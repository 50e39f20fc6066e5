"""Masking of personal data before it is sent to language models."""

from tasks.errors import MissingExtra
from tasks.providers.masking import Masker


def open_masker() -> Masker:
    """Return the masker for names, addresses and telephone numbers.

    Raises:
        MissingExtra: The package for telephone numbers is not installed.
    """
    try:
        from worker.adapters.patterns import PatternMasker
    except ModuleNotFoundError as error:
        raise MissingExtra.of("masking", "masking") from error
    return PatternMasker()
