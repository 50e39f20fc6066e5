"""The domains of labels: the values that each label may have. Any other value is `other`.

Clients, messages, providers' answers and files can contain any text. As a label, each new text
would be a new series, which Prometheus keeps for weeks.

https://prometheus.io/docs/practices/naming/#labels
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

OTHER = "other"
"""The value that stands for all values outside a domain."""

LONGEST = 128
"""Characters of the longest value in an open domain."""

MOST_SERIES = 1000
"""Series of a metric in one process; further ones have all labels `other`."""

Values: TypeAlias = tuple[str, ...]
"""The values of a metric's labels, in order."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """A domain of values that are known in advance.

    Attributes:
        values: The values.
        what: What they are, if they are too many for a list.
    """

    values: tuple[str, ...]
    what: str = ""

    def __str__(self) -> str:
        return self.what or ", ".join(f"`{value}`" for value in self.values)


@dataclass(frozen=True, slots=True)
class UpTo:
    """A domain of values that settings, plugins or the host determine.

    Only printable text of at most 128 characters is accepted, and only so many different values.

    Attributes:
        most: The maximum number of values in one process.
        what: What the values are.
    """

    most: int
    what: str

    def __str__(self) -> str:
        return f"{self.what}; at most {self.most}"


Domain: TypeAlias = OneOf | UpTo


class Label(str):
    """The name of a label, with the domain of its values.

    Attributes:
        domain: The domain.
    """

    __slots__ = ("domain",)

    domain: Domain

    def __new__(cls, name: str, domain: Domain) -> Self:
        """Create a label."""
        label = super().__new__(cls, name)
        label.domain = domain
        return label


class Bounds:
    """Keeps the labels of one metric within their domains, and the number of its series limited.

    Values of an open domain are accepted in the order in which they come.

    Args:
        labels: The labels.
        most: The maximum number of series, without the one that has all labels `other`.
    """

    def __init__(self, labels: Sequence[Label], most: int = MOST_SERIES) -> None:
        self._labels = tuple(_Bound(label.domain) for label in labels)
        self._most = most
        self._known: set[Values] = set()

    def admit(self, values: Values) -> Values:
        """Return the values of a series, with `other` in place of those that are not accepted."""
        if values in self._known:
            return values
        found = tuple(bound.admit(value) for bound, value in zip(self._labels, values, strict=True))
        if found not in self._known:
            if len(self._known) >= self._most:
                return (OTHER,) * len(found)
            self._known.add(found)
        return found


class _Bound:
    """The accepted values of one label."""

    def __init__(self, domain: Domain) -> None:
        self._most = domain.most if isinstance(domain, UpTo) else 0
        self._known = set(domain.values if isinstance(domain, OneOf) else ())

    def admit(self, value: str) -> str:
        if value in self._known:
            return value
        is_acceptable = value.isprintable() and 0 < len(value) <= LONGEST
        if not is_acceptable or len(self._known) >= self._most:
            return OTHER
        self._known.add(value)
        return value
