"""Spending by provider and day, in MongoDB."""

from datetime import date

from pymongo.database import Database
from typing_extensions import override

from tasks.ports import Ledger
from worker.adapters.mongo.client import Document, mapped_errors

_NANO = 1_000_000_000
"""Sums are stored in billionths of a dollar: integers add up without rounding errors."""


class MongoLedger(Ledger):
    """A `Ledger` in the collection `spending`, one document for each provider and day."""

    def __init__(self, database: Database[Document]) -> None:
        self._documents = database["spending"]

    @override
    def add(self, provider: str, day: date, dollars: float) -> None:
        amount = {"nanodollars": round(dollars * _NANO)}
        with mapped_errors():
            self._documents.update_one({"_id": _id(provider, day)}, {"$inc": amount}, upsert=True)

    @override
    def spent(self, provider: str, day: date) -> float:
        with mapped_errors():
            found = self._documents.find_one({"_id": _id(provider, day)})
        return 0.0 if found is None else float(found["nanodollars"] / _NANO)


def _id(provider: str, day: date) -> str:
    return f"{day.isoformat()} {provider}"
