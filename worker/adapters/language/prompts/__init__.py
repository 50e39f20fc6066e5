"""Prompts for language models, one file for each part of the analysis.

A prompt's version is that of its file and a fingerprint of its words, so that reports tell prompts
apart even where somebody forgot to count the version up.
"""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tasks.analysis.rubric import Rubric
from tasks.interviews.transcript import Segment


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt for a language model.

    Attributes:
        version: Such as `1+3f9c2d11aa07`.
        instructions: The system prompt.
        question: The user's message, with placeholders for the transcript and the rubric.
    """

    version: str
    instructions: str
    question: str

    def render(self, segments: tuple[Segment, ...], rubric: Rubric | None = None) -> str:
        """The question about a part of a transcript."""
        filled = {"transcript": delimited(segments), "rubric": _shown(rubric) if rubric else ""}
        return self.question.format(**filled)


@cache
def prompt(name: str) -> Prompt:
    """The prompt for a part of the analysis: `sentiment`, `competencies` or `summary`."""
    content = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    parts = tomllib.loads(content)
    fingerprint = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Prompt(
        version=f"{parts['version']}+{fingerprint}",
        instructions=parts["instructions"].strip(),
        question=parts["question"].strip(),
    )


def delimited(segments: tuple[Segment, ...]) -> str:
    """Segments as lines of JSON between delimiters, which nothing that was said can close.

    Angle brackets in texts are written as JSON's escapes, and so are line ends.
    """
    lines = (
        json.dumps(
            {"segment": one.id, "speaker": one.speaker or "unknown", "text": one.text},
            ensure_ascii=False,
        )
        for one in segments
    )
    escaped = (line.replace("<", "\\u003c").replace(">", "\\u003e") for line in lines)
    return "\n".join(["<transcript>", *map(_one_line, escaped), "</transcript>"])


def _one_line(text: str) -> str:
    # JSON lets these stand as they are, and models may take them for the end of a line.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def _shown(rubric: Rubric) -> str:
    shown = [
        {
            "id": one.id,
            "name": one.name,
            "description": one.description,
            "anchors": {
                str(anchor.level): {
                    "description": anchor.description,
                    "such as": list(anchor.examples),
                }
                for anchor in one.anchors
            },
        }
        for one in rubric.competencies
    ]
    return json.dumps(shown, ensure_ascii=False, indent=1)
