"""The real worker, with fallback providers that fail occasionally."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from tasks.pipeline import services
from tasks.providers.language import LanguageProviders
from tasks.providers.speech import SpeechProviders
from tests.dashboards.providers import Language, Service, Speech
from worker.adapters.providers import Context
from worker.adapters.resilience.retry import StaminaRetry
from worker.bootstrap import provider_context
from worker.celery_app.worker import run_worker
from worker.settings import load_settings

_open = ExitStack()


def _speech(context: Context) -> SpeechProviders:
    google = Service(context, "google_speech", "/v1/speech:recognize", 0.35, failing=0.4)
    own = Service(context, "deepgram", "/v1/listen", 0.5, failing=0.3)
    providers = Speech("google", "chirp_2", google), Speech("deepgram", "nova-3", own)
    return SpeechProviders(providers, _patience())


def _language(context: Context) -> LanguageProviders:
    openai = Service(context, "openai", "/v1/chat/completions", 0.25, failing=0.35)
    anthropic = Service(context, "anthropic", "/v1/messages", 0.3, failing=0.2)
    providers = (
        Language("openai", "gpt-4o-mini", openai, refusals=3),
        Language("anthropic", "claude-haiku-4-5", anthropic),
    )
    return LanguageProviders(providers, _patience())


def _patience() -> StaminaRetry:
    return StaminaRetry(attempts=2, seconds=5, time_limit=60)


@worker_process_init.connect
def _replace_providers(**_: Any) -> None:
    context = _open.enter_context(provider_context(load_settings()))
    services.provide(
        replace(services.current(), speech=_speech(context), language=_language(context))
    )


@worker_process_shutdown.connect
def _tear_down(**_: Any) -> None:
    _open.close()


if __name__ == "__main__":
    run_worker(load_settings(), queues=(), concurrency=3, name="all", events=False)
