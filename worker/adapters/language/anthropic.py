"""The provider `anthropic`."""

from tasks.errors import MissingExtra
from worker.adapters.language.model import ModelProvider
from worker.adapters.providers import Context


def open_provider(context: Context) -> ModelProvider:
    """The language model of Anthropic.

    Raises:
        MissingExtra: The packages for it are not installed.
        Unusable: There is no key.
    """
    try:
        from worker.adapters.language.anthropic_messages import AnthropicMessages
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "anthropic needs more packages: pip install 'interview-worker[anthropic]'"
        ) from error
    return ModelProvider(AnthropicMessages.of(context))
