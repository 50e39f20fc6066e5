"""Launcher for programs that end with their parent: `launch.py PARENT_PID PROGRAM [ARG…]`.

It is a separate script because doing the same in `preexec_fn` of a process with threads may
deadlock. It imports only the standard library, to start in a few milliseconds.

Only Linux kills a program when its parent ends. On macOS a program outlives a parent that is killed
(SIGKILL); a parent that ends in any other way stops its children itself.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2), linux/prctl.h


def main(parent: int, argv: list[str]) -> None:
    """Tie this process to its parent, then replace it by a program.

    Args:
        parent: The process id of the parent. If the parent has already ended, nothing is started.
        argv: The program and its arguments.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - this process must be replaced by the program
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
