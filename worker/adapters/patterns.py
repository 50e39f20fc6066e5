"""Detection of names, e-mail addresses and telephone numbers; the only user of phonenumbers."""

import re
from collections.abc import Iterable, Iterator

from phonenumbers import Leniency, PhoneNumberMatcher
from typing_extensions import override

from tasks.interviews.people import Person
from tasks.providers.masking import Mask, Masker

_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_SPOKEN_EMAIL = re.compile(r"\b[\w.+-]+ at [\w-]+(?: dot [a-z]{2,})+\b", re.IGNORECASE)
_INTRODUCED = re.compile(
    r"\b(?:[Mm]y name(?: is|'s|\u2019s)|[Cc]all me|I go by|I am called|[Kk]nown as)\s+"
    r"([A-Z][\w'\u2019-]+(?:\s+[A-Z][\w'\u2019-]+){0,2})"
)
"""Phrases in which people introduce themselves."""

_REGIONS = (None, "US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU")
"""Countries whose national number formats are recognized; None for the international format."""

_PLACEHOLDER = re.compile(r"\[(?:PERSON|EMAIL|PHONE)_\d+\]")

_MIN_NAME_LENGTH = 2


class PatternMask(Mask):
    """A `Mask` that uses patterns and a list of known names.

    The match is case-sensitive, for capitalized and upper-case names: `Will` is masked and `will`
    is not. A name that is neither in the list nor introduced in the text is not masked.

    Args:
        people: The people of the interview.
    """

    def __init__(self, people: Iterable[Person]) -> None:
        self._placeholders: dict[str, str] = {}
        self._originals: dict[str, str] = {}
        self._known = sorted(set(_forms(people)), key=len, reverse=True)

    @override
    def hide(self, text: str) -> str:
        for kind, found in self._found(text):
            text = self._replaced(text, kind, found)
        return text

    @override
    def reveal(self, text: str) -> str:
        return _PLACEHOLDER.sub(
            lambda found: self._originals.get(found.group(), found.group()), text
        )

    def _found(self, text: str) -> Iterator[tuple[str, list[str]]]:
        yield "EMAIL", [*_EMAIL.findall(text), *_SPOKEN_EMAIL.findall(text)]
        yield "PHONE", list(_numbers(text))
        introduced = _INTRODUCED.findall(text)
        # A name that was introduced once is masked from then on.
        self._known.extend(name for name in introduced if name not in self._known)
        yield "PERSON", [name for name in self._known if name in text]

    def _replaced(self, text: str, kind: str, found: list[str]) -> str:
        if not found:
            return text
        # Longest first, so that a full name is replaced as a whole.
        either = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
        return re.sub(
            rf"(?<!\w)(?:{either})(?!\w)",
            lambda original: self._placeholder(kind, original.group()),
            text,
        )

    def _placeholder(self, kind: str, original: str) -> str:
        if original not in self._placeholders:
            number = sum(one.startswith(f"[{kind}_") for one in self._originals) + 1
            placeholder = f"[{kind}_{number}]"
            self._placeholders[original] = placeholder
            self._originals[placeholder] = original
        return self._placeholders[original]


class PatternMasker(Masker):
    """A `Masker` that returns a `PatternMask`."""

    @override
    def mask(self, people: tuple[Person, ...]) -> PatternMask:
        return PatternMask(people)


def _forms(people: Iterable[Person]) -> Iterator[str]:
    """The forms of each name: the full name and its parts, capitalized and in upper case."""
    for person in people:
        name = " ".join(person.name.split())
        for form in (name, *name.split()):
            if len(form) >= _MIN_NAME_LENGTH:
                yield from (form[0].upper() + form[1:], form.upper())


def _numbers(text: str) -> Iterator[str]:
    for region in _REGIONS:
        for found in PhoneNumberMatcher(text, region, leniency=Leniency.VALID):
            yield found.raw_string
