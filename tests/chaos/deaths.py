"""Who dies where: every boundary of every stage, as a plan that processes share by files."""

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from tasks.interviews.interview import Stage


class Boundary(StrEnum):
    """The moments of a stage between which something has become true for others."""

    BEFORE_CLAIM = "before-claim"
    MID_WORK = "mid-work"
    AFTER_RESULT = "after-result"
    AFTER_PUBLISH = "after-publish"
    BEFORE_ACK = "before-ack"


class Victim(StrEnum):
    """Who is killed: the process of the pool, the worker it belongs to, or the sidecar."""

    CHILD = "child"
    WORKER = "worker"
    SIDECAR = "sidecar"


@dataclass(frozen=True)
class Death:
    """One death that has taken place."""

    boundary: Boundary
    stage: Stage
    victim: Victim
    interview_id: str
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Deaths:
    """A plan, in a directory, and what has come of it.

    A file `planned/<boundary>,<stage>,<victim>` is a death to come; `done/` has those that took
    place, `victims/` the interviews: each is struck once a stage, so that none runs out of
    attempts by our doing.
    """

    place: Path

    def plan(self, victims: dict[Victim, tuple[Boundary, ...]]) -> int:
        """Have the victims die at these boundaries, in every stage that comes to them.

        Returns:
            The number of deaths to come.
        """
        for name in ("planned", "done", "victims"):
            (self.place / name).mkdir(parents=True, exist_ok=True)
        for victim, boundaries in victims.items():
            for boundary in boundaries:
                for stage in _reaching(boundary):
                    self._planned(boundary, stage, victim).touch()
        return len(self.planned())

    def planned(self) -> list[str]:
        """The deaths still to come."""
        return sorted(each.name for each in (self.place / "planned").iterdir())

    def done(self) -> list[Death]:
        """The deaths that have taken place."""
        return [Death(**json.loads(each.read_text())) for each in (self.place / "done").iterdir()]

    def announce_sidecar(self, pid: int) -> None:
        """Tell whom to kill where it is the sidecar's turn."""
        (self.place / "sidecar").write_text(str(pid))

    def meet(self, boundary: Boundary, stage: Stage, interview_id: str) -> None:
        """Reach a boundary, inside of a process of the pool, and die there if that is the plan."""
        for victim in Victim:
            if self._claimed(boundary, stage, victim, interview_id):
                self._kill(victim)

    def _planned(self, boundary: Boundary, stage: Stage, victim: Victim) -> Path:
        return self.place / "planned" / f"{boundary},{stage},{victim}"

    def _claimed(self, boundary: Boundary, stage: Stage, victim: Victim, interview: str) -> bool:
        planned = self._planned(boundary, stage, victim)
        struck = self.place / "victims" / f"{stage}-{interview}"
        if not planned.exists() or struck.exists():
            return False
        death = Death(boundary, stage, victim, interview, time.time())
        noted = self.place / f"{planned.name}-{os.getpid()}"
        noted.write_text(json.dumps(asdict(death)))
        try:
            # Of two processes at the same boundary one finds the file to move.
            planned.rename(struck)
        except FileNotFoundError:
            noted.unlink()
            return False
        noted.rename(self.place / "done" / planned.name)
        return True

    def _kill(self, victim: Victim) -> None:
        match victim:
            case Victim.CHILD:
                os.kill(os.getpid(), signal.SIGKILL)
            case Victim.WORKER:
                os.kill(os.getppid(), signal.SIGKILL)
                # The kernel takes the pool's processes with it, and none may get any further.
                while True:
                    signal.pause()
            case Victim.SIDECAR:
                os.kill(int((self.place / "sidecar").read_text()), signal.SIGKILL)


def _reaching(boundary: Boundary) -> list[Stage]:
    """The stages that come to a boundary: after the last one, nothing is published."""
    stages = list(Stage)
    return stages[:-1] if boundary is Boundary.AFTER_PUBLISH else stages
