"""What providers cost: reckoned, announced, and kept by the day."""

import logging
from collections.abc import Mapping
from threading import Lock

from tasks.clock import now
from tasks.errors import Transient, Unusable
from tasks.ports import Ledger
from tasks.signals import Billed, BudgetSpent, billed, budget_spent
from worker.adapters.prices import PriceList
from worker.adapters.providers import Charge, Usage

log = logging.getLogger(__name__)

_OTHER = "other"
"""What a model is called in metrics that is neither in the price list nor in the settings."""


class Biller:
    """A `Bill` that goes by a price list.

    Args:
        prices: The price list.
        ledger: Keeps what was spent; None where nobody asks.
        models: Models that are known beside those of the price list.
    """

    def __init__(
        self, prices: PriceList, ledger: Ledger | None = None, *, models: frozenset[str]
    ) -> None:
        self._prices = prices
        self._ledger = ledger
        self._models = models
        self._lock = Lock()
        self._owed: dict[str, float] = {}

    def __call__(self, usage: Usage) -> Charge:
        """Bill one answer; see `Bill`."""
        price = self._prices.find(usage.provider, usage.model)
        cost = price.of(usage) if price else None
        known = usage.model if usage.model in self._models else _OTHER
        billed.send(
            Billed(
                usage.provider,
                price.model if price else known,
                usage.input_tokens,
                usage.output_tokens,
                usage.audio_seconds,
                cost,
            )
        )
        if cost:
            self._spend(usage.provider, cost)
        return Charge(cost, self._prices.version)

    def _spend(self, provider: str, cost: float) -> None:
        """Add to what was spent; where that fails, with the next cost of this provider."""
        if self._ledger is None:
            return
        with self._lock:
            amount = cost + self._owed.pop(provider, 0)
        try:
            self._ledger.add(provider, now().date(), amount)
        except Transient as error:
            log.warning("what %s cost is added later: %s", provider, error.message)
            with self._lock:
                self._owed[provider] = self._owed.get(provider, 0) + amount


class Budgets:
    """Keeps providers from being asked whose budget of the day, in UTC, is spent.

    What is being asked at this moment is not counted, so a little more may be spent.

    Args:
        limits: US dollars a day, by provider; for others there is no limit.
        ledger: Knows what was spent.
    """

    def __init__(self, limits: Mapping[str, float], ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger

    def admit(self, provider: str) -> None:
        """See whether a provider may be asked.

        Raises:
            Unusable: Its budget is spent.
        """
        limit = self._limits.get(provider)
        if limit is None:
            return
        try:
            spent = self._ledger.spent(provider, now().date())
        except Transient as error:
            log.warning("what %s cost today is not known: %s", provider, error.message)
            return
        if spent >= limit:
            budget_spent.send(BudgetSpent(provider))
            raise Unusable(f"{spent:.2f} of {limit:.2f} dollars are spent", code="budget_spent")
