"""Sentences of a transcript, and which of them are the candidate's.

Recognisers split segments at pauses, in mid-sentence or after several sentences. Sentences are
therefore determined again from each speaker's turns.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.analysis.tokens import Token, joined, turns
from tasks.interviews.transcript import Speaker, Transcript

MAX_WORDS = 60
"""Words. Without punctuation there are no sentence ends, so longer text is cut here."""

_ENDS = re.compile(r"[.!?\u2026][\"')\]\u201d\u2019]*$")
_ABBREVIATION = re.compile(
    r"^(?:[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|mr|mrs|ms|dr|prof|vs|etc|approx)\.$", re.IGNORECASE
)
_PROMPT = re.compile(
    r"^(?:(?:so|and|okay|ok|now|then|please|well|great|right)\W+)*"
    r"(?:tell (?:me|us)|describe|explain (?:to|how|why)|walk (?:me|us)|talk (?:me|us)|"
    r"give (?:me|us) an example|let'?s (?:talk|move on|start|discuss))\b",
    re.IGNORECASE,
)
"""Phrases that start an interviewer's prompt that has no question mark."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence by one speaker.

    Attributes:
        tokens: Its words; never empty.
        speaker: The speaker; None if unknown.
        turn: The number of its turn, counted from 0. If speakers are not separated, each question
            is a turn of its own.
    """

    tokens: tuple[Token, ...]
    speaker: Speaker | None
    turn: int

    @property
    def text(self) -> str:
        """The words as written in the transcript."""
        return joined(self.tokens)

    @property
    def words(self) -> int:
        """The number of words."""
        return sum(1 for token in self.tokens if token.key)

    @property
    def segment_id(self) -> int:
        """The segment in which it begins."""
        return self.tokens[0].segment_id

    @property
    def is_question(self) -> bool:
        """Whether it is a question or another prompt to speak."""
        text = self.text.replace("\u2019", "'")
        return text.rstrip("\"')]\u201d").endswith("?") or _PROMPT.match(text) is not None


def sentences(transcript: Transcript) -> tuple[Sentence, ...]:
    """All sentences, in order."""
    found: list[Sentence] = []
    for turn in turns(transcript):
        for words in split(turn.tokens):
            sentence = Sentence(tuple(words), turn.speaker, turn=0)
            found.append(replace(sentence, turn=_turn_after(found, sentence)))
    return tuple(found)


def speakers_known(transcript: Transcript) -> bool:
    """Whether the recording separates speakers."""
    return any(segment.speaker is not None for segment in transcript.segments)


def candidate_sentences(transcript: Transcript) -> tuple[Sentence, ...]:
    """The sentences attributed to the candidate.

    If speakers are not separated, these are all sentences except questions and other prompts to
    speak; they may include some of the interviewer's words.
    """
    if speakers_known(transcript):
        return tuple(s for s in sentences(transcript) if s.speaker is Speaker.CANDIDATE)
    return tuple(sentence for sentence in sentences(transcript) if not sentence.is_question)


def split(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Split words into sentences by their punctuation."""
    sentence: list[Token] = []
    for position, token in enumerate(tokens):
        sentence.append(token)
        following = tokens[position + 1].text if position + 1 < len(tokens) else ""
        if len(sentence) == MAX_WORDS or _ends(token.text, following):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _turn_after(earlier: Sequence[Sentence], sentence: Sentence) -> int:
    if not earlier:
        return 0
    last = earlier[-1]
    changed = sentence.speaker != last.speaker
    if sentence.speaker is None:
        changed = changed or sentence.is_question != last.is_question
    return last.turn + changed


def _ends(text: str, following: str) -> bool:
    """Whether a word ends its sentence."""
    if not _ENDS.search(text) or _ABBREVIATION.match(text):
        return False
    return not following[:1].islower()
