"""Planned crashes at every boundary of every stage, shared between processes through files."""

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from tasks.interviews.interview import Stage


class Boundary(StrEnum):
    """The boundaries of a stage, between which it has externally visible effects."""

    BEFORE_CLAIM = "before-claim"
    MID_WORK = "mid-work"
    AFTER_RESULT = "after-result"
    AFTER_PUBLISH = "after-publish"
    BEFORE_ACK = "before-ack"


class Victim(StrEnum):
    """The process to kill: the pool's child, its worker, or the sidecar."""

    CHILD = "child"
    WORKER = "worker"
    SIDECAR = "sidecar"


@dataclass(frozen=True)
class Death:
    """A crash that has happened."""

    boundary: Boundary
    stage: Stage
    victim: Victim
    interview_id: str
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Deaths:
    """A directory with planned crashes and those that have happened.

    A file `planned/<boundary>,<stage>,<victim>` is a planned crash; `done/` has the past ones, and
    `victims/` their interviews. An interview is hit once per stage, so that the crashes alone
    cannot exhaust its attempts.
    """

    place: Path

    def plan(self, victims: dict[Victim, tuple[Boundary, ...]]) -> int:
        """Plan crashes of the victims at these boundaries, in every stage that reaches them.

        Returns:
            The number of planned crashes.
        """
        for name in ("planned", "done", "victims"):
            (self.place / name).mkdir(parents=True, exist_ok=True)
        for victim, boundaries in victims.items():
            for boundary in boundaries:
                for stage in _reaching(boundary):
                    self._planned(boundary, stage, victim).touch()
        return len(self.planned())

    def planned(self) -> list[str]:
        """The crashes that have not happened yet."""
        return sorted(each.name for each in (self.place / "planned").iterdir())

    def done(self) -> list[Death]:
        """The crashes that have happened."""
        return [Death(**json.loads(each.read_text())) for each in (self.place / "done").iterdir()]

    def announce_sidecar(self, pid: int) -> None:
        """Set the process id of the sidecar, for crashes of the sidecar."""
        (self.place / "sidecar").write_text(str(pid))

    def meet(self, boundary: Boundary, stage: Stage, interview_id: str) -> None:
        """Reach a boundary in a process of the pool, and crash there if planned."""
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
            # Moving the file is atomic: of two processes at the same boundary, only one crashes.
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
                # The kernel kills the pool's processes with it; none may continue until then.
                while True:
                    signal.pause()
            case Victim.SIDECAR:
                os.kill(int((self.place / "sidecar").read_text()), signal.SIGKILL)


def _reaching(boundary: Boundary) -> list[Stage]:
    """The stages that reach a boundary: the last one publishes no next message."""
    stages = list(Stage)
    return stages[:-1] if boundary is Boundary.AFTER_PUBLISH else stages
