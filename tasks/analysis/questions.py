"""The interviewer's questions, paired with the candidate's answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tasks.analysis.sentences import Sentence
from tasks.analysis.speaking import FILLERS
from tasks.analysis.tokens import Token, joined
from tasks.interviews.transcript import Speaker

OPENING = 30
"""Number of words of an answer that are shown."""
REMARK = 5
"""Words. An interviewer's remark of this length ends an answer; a shorter one, such as "I see.",
does not."""

_SOUNDS = frozenset(word for filler in FILLERS for word in filler) | {"mhm", "mm", "mm-hmm"}


@dataclass(slots=True)
class Exchange:
    """A question and its answer."""

    question: list[Sentence]
    """Consecutive questions are treated as one."""
    answer: list[Sentence] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of the question."""
        return " ".join(sentence.text for sentence in self.question)

    @property
    def answered(self) -> bool:
        """Whether the answer contains anything other than filler words."""
        return any(word.key and word.key not in _SOUNDS for word in self._words)

    @property
    def opening(self) -> str | None:
        """The beginning of the answer."""
        words = self._words
        if not self.answered:
            return None
        return joined(words[:OPENING]) + (" …" if len(words) > OPENING else "")

    @property
    def start(self) -> float:
        """Start of the question, in seconds from the start of the recording."""
        return self.question[0].tokens[0].start

    @property
    def end(self) -> float:
        """End of the answer, in seconds from the start of the recording."""
        return (self.answer or self.question)[-1].tokens[-1].end

    @property
    def _words(self) -> list[Token]:
        return [token for sentence in self.answer for token in sentence.tokens]


def exchanges(sentences: Iterable[Sentence]) -> Sequence[Exchange]:
    """Pair questions with answers.

    If speakers are not separated, every question is assumed to be the interviewer's, and everything
    up to the next question its answer.
    """
    found: list[Exchange] = []
    listening = False
    for sentence in sentences:
        if sentence.speaker is Speaker.CANDIDATE or not (sentence.speaker or sentence.is_question):
            if listening:
                found[-1].answer.append(sentence)
        elif sentence.is_question:
            if listening and not found[-1].answered:
                found[-1].question.append(sentence)
            else:
                found.append(Exchange([sentence]))
            listening = True
        elif listening and found[-1].answered and sentence.words >= REMARK:
            listening = False
    return found
