"""Costs of providers: calculation, daily spending and budgets."""

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
"""The label of models that are neither in the price list nor in the settings."""


class Biller:
    """A `Bill` that calculates costs from a price list.

    Args:
        prices: The price list.
        ledger: Stores the spending; None to not store it.
        models: Further models that may be labels of metrics.
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
        """Bill one response."""
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
        """Add to the spending; after a failure, add the amount with the next cost."""
        if self._ledger is None:
            return
        with self._lock:
            amount = cost + self._owed.pop(provider, 0)
        try:
            self._ledger.add(provider, now().date(), amount)
        except Transient as error:
            log.warning("a cost of %s will be stored later: %s", provider, error.message)
            with self._lock:
                self._owed[provider] = self._owed.get(provider, 0) + amount


class Budgets:
    """Rejects requests to providers whose budget for the day (UTC) is spent.

    Requests in progress are not counted, so that the budget may be exceeded slightly.

    Args:
        limits: US dollars a day, by provider; other providers have no limit.
        ledger: Stores the spending.
    """

    def __init__(self, limits: Mapping[str, float], ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger

    def admit(self, provider: str) -> None:
        """Check the budget of a provider.

        Raises:
            Unusable: Its budget is spent.
        """
        limit = self._limits.get(provider)
        if limit is None:
            return
        try:
            spent = self._ledger.spent(provider, now().date())
        except Transient as error:
            log.warning("today's spending for %s is unknown: %s", provider, error.message)
            return
        if spent >= limit:
            budget_spent.send(BudgetSpent(provider))
            raise Unusable(f"{spent:.2f} of {limit:.2f} dollars are spent", code="budget_spent")
