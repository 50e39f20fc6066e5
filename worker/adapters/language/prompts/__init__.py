"""Prompts for language models, one file for each part of the analysis.

The version of a prompt consists of the version in its file and a hash of the file's contents, so
that reports distinguish prompts even if a change did not increment the version.
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
        version: The version and the hash, such as `1+3f9c2d11aa07`.
        instructions: The system prompt.
        question: The user's message, with placeholders for the transcript and the rubric.
    """

    version: str
    instructions: str
    question: str

    def render(self, segments: tuple[Segment, ...], rubric: Rubric | None = None) -> str:
        """Fill the placeholders of the question with a part of a transcript and the rubric."""
        filled = {"transcript": delimited(segments), "rubric": _shown(rubric) if rubric else ""}
        return self.question.format(**filled)


@cache
def prompt(name: str) -> Prompt:
    """Load the prompt for a part of the analysis: `sentiment`, `competencies` or `summary`."""
    content = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    parts = tomllib.loads(content)
    fingerprint = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Prompt(
        version=f"{parts['version']}+{fingerprint}",
        instructions=parts["instructions"].strip(),
        question=parts["question"].strip(),
    )


def delimited(segments: tuple[Segment, ...]) -> str:
    """Return segments as lines of JSON between delimiters, which no segment can imitate.

    Angle brackets and line breaks within texts are replaced by JSON escapes.
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
    # JSON does not require these to be escaped, but a model may treat them as line breaks.
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
