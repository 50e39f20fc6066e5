"""A pytest plugin for what a peer lacks.

It expects the tests to fail that need what is missing. A test that passes all the same fails the
run, so the list does not outlive its reasons, unless it fails by chance only.
"""

import os
from collections.abc import Sequence
from typing import Any

import pytest
from pymongo import IndexModel
from pymongo.collection import Collection

from tests.contract_servers.peers import PEERS

VARIABLE = "CONTRACT_PEER"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the peer lacks."""
    (peer,) = (peer for peer in PEERS if peer.name == os.environ[VARIABLE])
    for item in items:
        assert isinstance(item, pytest.Function)
        lacking = peer.lacks.get(item.path.stem.removeprefix("test_"), {})
        if lack := lacking.get(item.originalname):
            item.add_marker(
                pytest.mark.xfail(reason=lack.reason, strict=lack.always, run=lack.ends)
            )


def pytest_configure(config: pytest.Config) -> None:  # noqa: ARG001 - pytest's signature
    """Leave out of the indexes what FerretDB refuses, so that the queries run."""
    if os.environ[VARIABLE] == "ferretdb":
        setattr(Collection, "create_indexes", _create_plain_indexes)  # noqa: B010 - another type


def _create_plain_indexes(
    collection: Collection[dict[str, Any]], indexes: Sequence[IndexModel], **_: Any
) -> list[str]:
    """Create indexes one by one, and without an expiry.

    FerretDB 1.24 refuses `expireAfterSeconds`, and its connection breaks at a repeated call for two
    indexes that exist ("slice bounds out of range").
    """
    documents = [index.document for index in indexes]
    return [
        collection.create_index(list(one["key"].items()), unique=one.get("unique", False))
        for one in documents
    ]
