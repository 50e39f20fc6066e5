"""Questions of the interviewer, paired with what the candidate answered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tasks.analysis.sentences import Sentence
from tasks.analysis.speaking import FILLERS
from tasks.analysis.tokens import Token, joined
from tasks.interviews.transcript import Speaker

OPENING = 30
"""Words of an answer that are shown."""
REMARK = 5
"""Words. A remark of this length ends an answer; a shorter one, such as "I see.", does not."""

_SOUNDS = frozenset(word for filler in FILLERS for word in filler) | {"mhm", "mm", "mm-hmm"}


@dataclass(slots=True)
class Exchange:
    """A question and its answer."""

    question: list[Sentence]
    """Questions asked in a row are one."""
    answer: list[Sentence] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What was asked."""
        return " ".join(sentence.text for sentence in self.question)

    @property
    def answered(self) -> bool:
        """Whether anything was said, filler words aside."""
        return any(word.key and word.key not in _SOUNDS for word in self._words)

    @property
    def opening(self) -> str | None:
        """How the answer begins."""
        words = self._words
        if not self.answered:
            return None
        return joined(words[:OPENING]) + (" …" if len(words) > OPENING else "")

    @property
    def start(self) -> float:
        """Seconds from the start of the recording to that of the question."""
        return self.question[0].tokens[0].start

    @property
    def end(self) -> float:
        """Seconds from the start of the recording to the end of the answer."""
        return (self.answer or self.question)[-1].tokens[-1].end

    @property
    def _words(self) -> list[Token]:
        return [token for sentence in self.answer for token in sentence.tokens]


def exchanges(sentences: Iterable[Sentence]) -> Sequence[Exchange]:
    """Pair questions with answers.

    Where speakers are not told apart, every question is taken to be the interviewer's, and all that
    follows to be its answer.
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
