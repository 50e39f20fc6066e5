"""Detection of names, e-mail addresses and telephone numbers; the only user of phonenumbers."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from phonenumbers import Leniency, PhoneNumberMatcher
from typing_extensions import override

from tasks.interviews.people import Person
from tasks.providers.masking import Mask, Masker

# Each pattern starts only where a run of characters starts, and does not backtrack into it, so that
# the time is linear in the length of the text.
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]++@[\w-]++(?:\.[\w-]++)++")
_SPOKEN_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]++ at [\w-]++(?: dot [a-z]{2,}+)++\b", re.IGNORECASE
)
_INTRODUCED = re.compile(
    r"\b(?:[Mm]y name(?: is|'s|\u2019s)|[Cc]all me|I go by|I am called|[Kk]nown as)\s++"
    r"([A-Z][\w'\u2019-]++(?:\s++[A-Z][\w'\u2019-]++){0,2})"
)
"""Phrases in which people introduce themselves."""

_MAX_INTRODUCED = 100
"""Names that are remembered after an introduction."""

_REGIONS = (None, "US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU")
"""Countries whose national number formats are recognized; None for the international format."""

_DIALLED = re.compile(r"[+(]?\d[\d\s()./+\u2010-\u2015-]{5,50}")
"""Where a number may be: at most 17 digits and what separates them, in parts if it is longer."""

_FEWEST_DIGITS = 7

_MAX_CHECKS = 100
"""Parts of an interview that are checked for numbers; in further ones all digits are hidden, since
a conversation does not have that many, and a check takes milliseconds."""

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
        self._counts: Counter[str] = Counter()
        self._checks = 0
        self._known = sorted(set(_forms(people)), key=len, reverse=True)
        self._longest = len(self._known) + _MAX_INTRODUCED

    @override
    def hide(self, text: str) -> str:
        for pattern in (_EMAIL, _SPOKEN_EMAIL):
            text = pattern.sub(lambda found: self._placeholder("EMAIL", found.group()), text)
        text = _DIALLED.sub(self._hide_numbers, text)
        return self._hide_names(text)

    @override
    def reveal(self, text: str) -> str:
        return _PLACEHOLDER.sub(
            lambda found: self._originals.get(found.group(), found.group()), text
        )

    def _hide_numbers(self, found: re.Match[str]) -> str:
        part = found.group()
        if sum(map(str.isdigit, part)) < _FEWEST_DIGITS:
            return part
        self._checks += 1
        if self._checks > _MAX_CHECKS:
            return self._placeholder("PHONE", part)
        # With the characters around it, by which the matcher tells numbers from other digits.
        start = max(found.start() - 1, 0)
        around = found.string[start : found.end() + 1]
        for number in sorted(set(_numbers(around)), key=len, reverse=True):
            part = part.replace(number, self._placeholder("PHONE", number))
        return part

    def _hide_names(self, text: str) -> str:
        for name in dict.fromkeys(_INTRODUCED.findall(text)):
            # A name that was introduced once is masked from then on.
            if name not in self._known and len(self._known) < self._longest:
                self._known.append(name)
        names = [name for name in self._known if name in text]
        if not names:
            return text
        # Longest first, so that a full name is replaced as a whole.
        either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        return re.sub(
            rf"(?<!\w)(?:{either})(?!\w)",
            lambda original: self._placeholder("PERSON", original.group()),
            text,
        )

    def _placeholder(self, kind: str, original: str) -> str:
        if original not in self._placeholders:
            self._counts[kind] += 1
            placeholder = f"[{kind}_{self._counts[kind]}]"
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
