"""Chaos tests: despite crashes, every accepted interview ends exactly once.

`make chaos` runs the long form; by default a short form with the same faults is run.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.deaths import Boundary, Victim
from tests.chaos.effects import listening
from tests.chaos.faults import cut, deployed, fallen, hung, killed, nothing
from tests.chaos.report import Outcome, show
from tests.chaos.stack import doomed_stack
from tests.clips import noise
from tests.monitoring.figures import busy, scraped
from tests.timing import allowed, wait_for

ALL = tuple(Boundary)


@dataclass(frozen=True)
class Extent:
    """The size of a campaign.

    Attributes:
        mortals: Number of interviews in the phase with crashes.
        interviews: Number of interviews in each other phase.
        deaths: The processes that crash at each boundary.
        hang: Seconds for which a server hangs.
        away: Seconds for which a server is down.
        lease: Lease duration in seconds.
    """

    mortals: int
    interviews: int
    deaths: dict[Victim, tuple[Boundary, ...]]
    hang: float
    away: float
    lease: int


SHORT = Extent(
    mortals=6,
    interviews=6,
    deaths={Victim.CHILD: ALL, Victim.WORKER: (Boundary.AFTER_PUBLISH,), Victim.SIDECAR: ()},
    hang=3,
    away=0.5,
    lease=3,
)
LONG = Extent(
    mortals=200,
    interviews=40,
    deaths=dict.fromkeys(Victim, ALL),
    hang=60,
    away=5,
    lease=30,
)
IS_LONG = os.environ.get("CHAOS") == "long"
EXTENT = LONG if IS_LONG else SHORT


@pytest.mark.long
@pytest.mark.timeout(3600 if IS_LONG else 400)
def test_no_interview_is_lost_and_no_effect_is_duplicated(tmp_path: Path) -> None:
    clip = noise(tmp_path / "clip.wav")
    outcomes: list[Outcome] = []
    with (
        doomed_stack(tmp_path, LEASE_SECONDS=f"{allowed(EXTENT.lease):g}") as stack,
        listening(stack.running) as listener,
    ):
        campaign = Campaign(stack, clip, listener)
        assert stack.deaths.plan(EXTENT.deaths)
        outcomes.append(campaign.die("deaths at boundaries", EXTENT.mortals))
        for name, fault, seconds in (
            ("worker deployed", deployed, 0.0),
            ("worker and sidecar killed", fallen, EXTENT.away),
            ("connections cut", cut, 0.0),
            ("broker killed", killed("valkey"), EXTENT.away),
            ("database killed", killed("mongodb"), EXTENT.away),
            ("broker hung", hung("valkey"), EXTENT.hang),
            ("database hung", hung("mongodb"), EXTENT.hang),
            ("Kafka hung", hung("kafka"), EXTENT.hang),
            ("calendar hung", hung("radicale"), EXTENT.hang),
        ):
            outcomes.append(campaign.suffer(name, EXTENT.interviews, fault, seconds))
        # The embedded Kafka keeps nothing across restarts.
        deaf = Campaign(stack, clip, None)
        kafka_killed = killed("kafka")
        outcomes.append(deaf.suffer("Kafka killed", EXTENT.interviews, kafka_killed, EXTENT.away))
        with listening(stack.running) as anew:
            after = Campaign(stack, clip, anew)
            outcomes.append(after.suffer("Kafka is back", EXTENT.interviews, nothing, 0))
        # Messages of crashed workers must not count as work forever.
        wait_for(lambda: busy(scraped(stack.running.stack.api_url)), {}, EXTENT.lease + 20)
    show(outcomes)
    check(outcomes)


def check(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        assert one.acknowledged, one
        assert (one.lost, one.duplicated) == (0, 0), one
        assert one.completed + one.failed >= one.acknowledged, one
        # Twenty leases in the short form, two in the long form.
        assert one.longest < allowed(60), one
