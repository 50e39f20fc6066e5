"""Small disks for tests, which can be full, read-only or of an old make."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import pytest

_CLONE_NEWNS = 0x00020000
"""Of unshare(2): the caller gets mounts of its own."""

_BLOCK = 4096


@contextmanager
def mounted(place: Path, kind: str, options: str, source: str = "none") -> Iterator[Path]:
    """Mount a disk, which only this process and its children see; it ends with them."""
    place.mkdir(exist_ok=True)
    if not _has_own_mounts() or _mount("-t", kind, "-o", options, source, str(place)) != 0:
        pytest.skip(f"NO {kind.upper()} DISK CAN BE MOUNTED HERE: it takes root on Linux")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def small_disk(place: Path, options: str = "size=1m") -> AbstractContextManager[Path]:
    """A disk in memory."""
    return mounted(place, "tmpfs", options)


def old_disk(place: Path) -> AbstractContextManager[Path]:
    """A disk of 1 MB with ext2, which does not support fallocate(2)."""
    return mounted(place, "ext2", "loop", _image(place, "ext2", 1))


@contextmanager
def breakable_disk(place: Path) -> Iterator[Path]:
    """A disk with ext4, which `break_down` makes fail."""
    image = _image(place, "ext4", 4)
    with mounted(place, "ext4", "loop,errors=remount-ro", image) as disk:
        if not os.access(_fault_of(disk), os.W_OK):
            pytest.skip("NO DISK CAN BE BROKEN HERE: it takes the ext4 files in /sys")
        yield disk


def break_down(disk: Path) -> None:
    """Let the system find an error on a disk, after which it refuses all writes."""
    _fault_of(disk).write_text("1")


def _image(place: Path, kind: str, megabytes: int) -> str:
    """A file with an empty file system, which can be mounted."""
    program = shutil.which(f"mkfs.{kind}", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip(f"NO {kind.upper()} DISK CAN BE MADE HERE: mkfs.{kind} is missing")
    image = place.with_suffix(".img")
    image.write_bytes(bytes(megabytes * 1024 * 1024))
    subprocess.run([program, "-q", str(image)], check=True)
    return str(image)


def _fault_of(disk: Path) -> Path:
    device = disk.stat().st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    return Path(f"/sys/fs/ext4/{name}/trigger_fs_error")


def remount(disk: Path, options: str) -> None:
    assert _mount("-o", f"remount,{options}", str(disk)) == 0


def fill(disk: Path) -> Path:
    """Use all space of a disk; returns the file to delete for the space to be free again."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(_BLOCK)):
                pass
        except OSError:
            pass
    return ballast


def use_all_inodes(disk: Path) -> Path:
    """Use all inodes of a disk; returns the folder to delete for them to be free again."""
    ballast = disk / "ballast"
    ballast.mkdir()
    try:
        for number in range(10_000):
            (ballast / str(number)).touch()
    except OSError:
        return ballast
    raise AssertionError("the disk has too many inodes")


def _mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode


@cache
def _has_own_mounts() -> bool:
    """Give this process mounts of its own, so that none is left if it is killed."""
    try:
        unshare = ctypes.CDLL(None).unshare
    except AttributeError:
        return False
    return unshare(_CLONE_NEWNS) == 0 and _mount("--make-rprivate", "/") == 0
