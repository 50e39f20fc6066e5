"""The provider `openai`."""

from tasks.errors import MissingExtra
from worker.adapters.language.model import ModelProvider
from worker.adapters.providers import Context


def open_provider(context: Context) -> ModelProvider:
    """The language model of OpenAI, or of a server that speaks as it does.

    Raises:
        MissingExtra: The packages for it are not installed.
        Unusable: There is no key.
    """
    try:
        from worker.adapters.language.openai_chat import OpenAIChat
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "openai needs more packages: pip install 'interview-worker[openai]'"
        ) from error
    return ModelProvider(OpenAIChat.of(context))
