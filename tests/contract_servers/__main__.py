"""Run the contract suites on servers of other makes: `make contract-servers`, `PEER=kafka …`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.contract_servers import plugin
from tests.contract_servers.cache import NotAvailable
from tests.contract_servers.peers import PEERS, Peer
from tests.contract_servers.results import Result, read, summary
from tests.processes import ROOT


def main(arguments: Sequence[str]) -> int:
    """Build the peers, run their suites, and print a line for each peer.

    Args:
        arguments: The names of peers; none for all of them.

    Returns:
        1 if a suite failed, 2 for an unknown peer, else 0: also where a peer is not available.
    """
    unknown = set(arguments) - {peer.name for peer in PEERS}
    if unknown:
        known = ", ".join(peer.name for peer in PEERS)
        print(f"no such peer: {', '.join(sorted(unknown))}; there are {known}", file=sys.stderr)
        return 2
    results = [_tested(peer) for peer in PEERS if not arguments or peer.name in arguments]
    print()
    for line in summary(results):
        print(line)
    return int(any(result.is_failure for result in results))


def _tested(peer: Peer) -> Result:
    print(f"{peer.name} {peer.version}: building it, or taking it from the cache …", flush=True)
    try:
        environment = peer.build()
    except NotAvailable as error:
        print(f"{peer.name}: not available: {error}", flush=True)
        return Result(peer.name, peer.version, reason=str(error))
    with tempfile.TemporaryDirectory(prefix="contract-servers-") as scratch:
        report = Path(scratch) / "report.xml"
        chosen = ("-k", peer.only) if peer.only else ()
        command = (
            *(sys.executable, "-m", "pytest", "-p", plugin.__name__, f"--junit-xml={report}"),
            *chosen,
            *peer.suites,
        )
        env = {**os.environ, **environment, plugin.VARIABLE: peer.name}
        code = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
        return read(peer.name, peer.version, peer.suites, report, code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
