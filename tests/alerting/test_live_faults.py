"""The faults of `make alerts-check` cover all alerts."""

from monitoring.stack.prometheus.files import all_alerts
from tests.alerting.live.faults import FAULTS, NOT_HERE

ALERTS = {alert.name for alert in all_alerts()}


def test_each_alert_is_provoked_by_a_fault_or_there_is_a_reason_why_not() -> None:
    provoked = {name for fault in FAULTS for name in fault.expected}
    assert provoked.isdisjoint(NOT_HERE)
    assert provoked | NOT_HERE.keys() == ALERTS


def test_faults_allow_only_alerts_that_exist() -> None:
    assert {name for fault in FAULTS for name in fault.also} <= ALERTS


def test_each_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
