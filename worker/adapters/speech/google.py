"""The provider `google`: Google Cloud Speech-to-Text, version 1 over REST.

https://cloud.google.com/speech-to-text/docs/reference/rest/v1/speech/recognize

A request may have a minute of audio at most, so that is what a recording is cut into, at pauses.
The interface for longer ones takes them from a bucket only, and what it has begun there cannot be
called off.
"""

from tasks.errors import MissingExtra
from tasks.ports import SpeechProvider
from worker.adapters.providers import Context


def open_provider(context: Context) -> SpeechProvider:
    """Google's speech recognition.

    Raises:
        MissingExtra: The packages for it are not installed.
        Unusable: There are no credentials.
    """
    try:
        from worker.adapters.speech.google_speech import GoogleSpeech
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "google needs more packages: pip install 'interview-worker[google]'"
        ) from error
    return GoogleSpeech.of(context)
