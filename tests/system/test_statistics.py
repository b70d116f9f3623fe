"""What a running daemon says about its sound, to who asks and to the journal."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.processes import DEADLINE_S, Daemon, running_daemon
from tests.system.local_server import local_server, until

Groups = dict[str, dict[str, float | None]]


def stats(daemon: Daemon, *options: str) -> str:
    """Return what ``edge-agent stats`` prints about it."""
    command = [sys.executable, "-m", "edge_agent", "stats", "--config", str(daemon.config_path), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=2 * DEADLINE_S, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_session_can_be_asked_about_and_is_told_of_at_its_end() -> None:
    with local_server() as server, running_daemon({"endpoints": [server.endpoint()]}) as daemon:
        daemon.seen.wait_for_state("ready")

        def groups() -> Groups:
            told: Groups = json.loads(stats(daemon, "--json"))
            return told

        until(lambda: (groups()["outbound-rtp"]["packetsSent"] or 0) > 20, "packets are sent")
        told = groups()
        assert told["outbound-rtp"]["packetsDiscardedOnSend"] == 0
        assert (told["cpu"]["process"] or 0) > (told["cpu"]["capture"] or 0) > 0
        assert "jitterBufferDelay" in told["inbound-rtp"]
        assert "outbound-rtp:\n  packetsSent " in stats(daemon)
        shown = daemon.seen.wait_for(lambda message: message["type"] == "statistics", "statistics")
        assert shown["groups"].keys() == told.keys()
        daemon.close()
        daemon.process.wait_for_line(" s of sound, ")
        assert "packets_sent=" in daemon.process.wait_for_line(" s of sound, ")
