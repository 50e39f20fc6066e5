"""Fallback: call several providers of one kind in order, each with retries.

An error in the request itself is raised at once: the next provider would fail in the same way, or
hide the mistake.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from tasks.errors import InterviewWorkerError, Transient, Unusable
from tasks.interviews.interview import AnalysisType, Stage
from tasks.lease import check_lease
from tasks.signals import ProviderFallback, provider_fallback

log = logging.getLogger(__name__)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


A = TypeVar("A")
P = TypeVar("P", bound=_Named)


class RetryPolicy(Protocol):
    """Calls a provider, and repeats the call while a retry may help."""

    def __call__(self, provider: str, call: Callable[[], A], /) -> A:
        """Make the call.

        Args:
            provider: The provider's name.
            call: The call; it may be made several times.

        Raises:
            Transient, Permanent: The error of the last attempt.
        """


def call_once(_: str, call: Callable[[], A]) -> A:
    """A `RetryPolicy` without retries."""
    return call()


def admit_all(_: str) -> None:
    """Admit every provider; for chains without budgets."""


class ProviderFailures:
    """The errors of the providers that were called so far.

    Args:
        work: The stage, or the part of the analysis, that they were called for.
    """

    def __init__(self, work: Stage | AnalysisType) -> None:
        self._work = work
        self._errors: list[tuple[str, InterviewWorkerError]] = []

    @property
    def first(self) -> str | None:
        """The provider that failed first; None if none failed."""
        return self._errors[0][0] if self._errors else None

    @property
    def any_transient(self) -> bool:
        """Whether a provider may succeed later."""
        return any(isinstance(error, Transient) for _, error in self._errors)

    def add(self, provider: str, error: InterviewWorkerError) -> None:
        """Record that a provider failed."""
        log.warning("%s: %s failed: %s (%s)", self._work, provider, error, error.code)
        self._errors.append((provider, error))

    def announce_fallback(self, provider: str) -> None:
        """Send `provider_fallback` if another provider has failed before this one is called."""
        if self._errors:
            provider_fallback.send(ProviderFallback(self._work, self._errors[-1][0], provider))

    def combined(self) -> InterviewWorkerError:
        """The error to raise for all of them: transient if one of them is."""
        if not self._errors:
            return Unusable(f"no provider is available for {self._work}")
        transient = [error for _, error in self._errors if isinstance(error, Transient)]
        if len(self._errors) == 1 or not transient:
            return self._errors[-1][1]
        waits = [error.retry_after for error in transient if error.retry_after is not None]
        # A provider that asks for no delay may be called again at once.
        soonest = min(waits) if len(waits) == len(transient) else None
        error = Transient(transient[-1].message, code=transient[-1].code, retry_after=soonest)
        error.__cause__ = transient[-1]
        return error


class ProviderChain(Generic[P]):
    """Providers of one kind, in the order in which they are called.

    Args:
        providers: The providers.
        retry: Calls each of them.
        admit: Called with a provider's name before its first call; raises `Unusable` if the
            provider must not be used.
    """

    def __init__(
        self,
        providers: Sequence[P],
        retry: RetryPolicy = call_once,
        admit: Callable[[str], None] = admit_all,
    ) -> None:
        self.providers = tuple(providers)
        self.retry = retry
        self.admit = admit

    @property
    def name(self) -> str:
        """The providers' names, separated by commas."""
        return ",".join(provider.name for provider in self.providers)

    def call(
        self,
        work: Stage | AnalysisType,
        request: Callable[[P], A],
        supports: Callable[[P], bool] = lambda _: True,
    ) -> tuple[A, str | None]:
        """Call one provider after another until one succeeds.

        Args:
            work: The stage, or the part of the analysis, that the call is for.
            request: Calls one provider.
            supports: Returns whether a provider supports this request.

        Returns:
            The result, and the provider that was called first if another one gave the result.

        Raises:
            Transient: None succeeded, and one of them may later.
            Permanent: The request is at fault, or no provider can be used.
        """
        failures = ProviderFailures(work)
        for provider in filter(supports, self.providers):
            check_lease()
            failures.announce_fallback(provider.name)
            try:
                self.admit(provider.name)
                result = self.retry(provider.name, partial(request, provider))
            except (Transient, Unusable) as error:
                failures.add(provider.name, error)
            else:
                return result, failures.first
        raise failures.combined()
