"""A `Ledger` in a dictionary."""

from collections import defaultdict
from datetime import date


class MemoryLedger:
    def __init__(self) -> None:
        self._spent: defaultdict[tuple[str, date], float] = defaultdict(float)

    def add(self, provider: str, day: date, dollars: float) -> None:
        self._spent[provider, day] += dollars

    def spent(self, provider: str, day: date) -> float:
        return self._spent[provider, day]
