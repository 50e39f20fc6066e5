"""A server that imitates Google Cloud Speech-to-Text, with scripted transcripts."""

from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from tests.servers.scripted import Request


@dataclass(frozen=True)
class Heard:
    """The contents of a request to recognise speech."""

    config: dict[str, Any]
    pcm: bytes

    @property
    def channels(self) -> int:
        return int(self.config.get("audioChannelCount", 1))

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.channels / int(self.config["sampleRateHertz"])


def heard(request: Request) -> Heard:
    """Read a request: https://cloud.google.com/speech-to-text/docs/reference/rest/v1/speech/recognize."""
    body = request.json
    return Heard(body["config"], b64decode(body["audio"]["content"]))


def result(
    *words: tuple[str, float, float, float], channel: int | None = None, confidence: float = 0.9
) -> dict[str, Any]:
    """A result: words with start, end and confidence."""
    said = [
        {
            "word": word,
            "startTime": f"{start:.3f}s",
            "endTime": f"{end:.3f}s",
            **({"confidence": sure} if sure else {}),
        }
        for word, start, end, sure in words
    ]
    transcript = " ".join(word for word, *_ in words)
    alternative = {"transcript": transcript, "words": said}
    return {
        "alternatives": [{**alternative, "confidence": confidence}],
        "resultEndTime": f"{words[-1][2]:.3f}s",
        "languageCode": "en-us",
        **({"channelTag": channel} if channel else {}),
    }


def recognised(*results: dict[str, Any]) -> dict[str, Any]:
    """A response."""
    return {"results": list(results), "totalBilledTime": "15s", "requestId": "8176512345"}
