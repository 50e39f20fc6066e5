"""The limit on connections, by the limit on file descriptors."""

import resource

import pytest

from worker.api.connections import max_connections


@pytest.mark.parametrize(
    ("descriptors", "connections"),
    [(256, 128), (1024, 512), (1_048_576, 1000), (resource.RLIM_INFINITY, 1000)],
)
def test_half_of_the_file_descriptors_are_for_connections(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert max_connections() == connections
