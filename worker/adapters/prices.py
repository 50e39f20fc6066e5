"""The price list of cloud providers, read from a file."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.errors import Permanent
from worker.adapters.providers import Usage

BUNDLED = Path(__file__).with_name("prices.json")

_MILLION = 1_000_000

_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")
"""The date that vendors append to the name of a release of a model."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Strict):
    """The price of a model, in US dollars."""

    provider: str
    model: str
    input: float | None = Field(default=None, ge=0)
    """Per million input tokens."""
    output: float | None = Field(default=None, ge=0)
    """Per million output tokens."""
    minute: float | None = Field(default=None, ge=0)
    """Per minute of audio and channel."""

    def of(self, usage: Usage) -> float | None:
        """Return the cost of a usage; None if a price for part of it is missing."""
        parts = (
            (usage.input_tokens, self.input, _MILLION),
            (usage.output_tokens, self.output, _MILLION),
            (usage.audio_seconds, self.minute, 60),
        )
        used = [(amount, price, unit) for amount, price, unit in parts if amount is not None]
        known = [amount * price / unit for amount, price, unit in used if price is not None]
        return sum(known) if used and len(known) == len(used) else None


class PriceList(_Strict):
    """A version of the price list."""

    version: str = Field(min_length=1)
    """Stored with each cost that is calculated from this list."""
    source: str = ""
    """Where the prices come from; for information only."""
    models: tuple[Price, ...]

    def find(self, provider: str, model: str) -> Price | None:
        """Find the price of a model; a dated release has the price of its model."""
        names = model, _DATED.sub("", model)
        found = {price.model: price for price in self.models if price.provider == provider}
        return next((found[name] for name in names if name in found), None)


def load_prices(path: Path | None) -> PriceList:
    """Read a price list; without a path, the bundled one.

    Raises:
        Permanent: The file cannot be read, or is not a price list.
    """
    try:
        return PriceList.model_validate_json((path or BUNDLED).read_bytes())
    except OSError as error:
        raise Permanent(f"PRICES_FILE: {error}", code="configuration") from error
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        message = f"PRICES_FILE: {path}: {where or 'the file'}: {problem['msg']}"
        raise Permanent(message, code="configuration") from None
