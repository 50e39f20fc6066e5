"""Settings of the speech providers."""

from pydantic import Field

from worker.adapters.google.settings import GoogleSettings
from worker.environment import Names, ProviderSettings


class WhisperSettings(ProviderSettings):
    """Settings of the provider `whisper`."""

    whisper_model: str = Field(
        "tiny.en", description="faster-whisper model: tiny.en … large-v3, or a path."
    )
    whisper_threads: int = Field(
        1, ge=1, le=64, description="Threads of each worker process that transcribes."
    )


class GoogleSpeechSettings(GoogleSettings):
    """Settings of the speech provider `google`."""

    google_speech_url: str = Field(
        "https://speech.googleapis.com", description="URL of Google's speech recognition."
    )
    google_speech_model: str = Field("latest_long", description="Google's model of speech.")
    google_speech_languages: Names = Field(
        ("en-US",),
        min_length=1,
        max_length=4,
        description="Languages that may be spoken, BCP 47; the most likely first.",
    )
