"""The series that exist before their first event, by the settings."""

import pytest

from monitoring import metrics
from worker.settings import Settings
from worker.telemetry.series import configured_series


@pytest.mark.parametrize(
    ("provider", "models"),
    [
        ("openai", {"gpt-5-mini", "other"}),
        # A provider of another package, whose models are unknown.
        ("foreign", {"other"}),
        ("local", set()),
    ],
)
def test_the_first_bill_of_each_provider_is_seen(provider: str, models: set[str]) -> None:
    settings = Settings(analysis_providers=(provider,), openai_model="gpt-5-mini")
    found = list(configured_series(settings, ()))
    for metric in (metrics.EXTERNAL_UNPRICED, metrics.ANALYSIS_COST):
        labels = [labels for one, labels in found if one is metric]
        assert {model for name, model in labels if name == provider} == models
