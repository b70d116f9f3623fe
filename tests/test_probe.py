"""`edge-agent endpoints`: short sessions with real servers, and what is shown of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from edge_agent import cli
from edge_agent.config.loader import load_config
from edge_agent.errors import ExitCode
from edge_agent.parts import parts_of
from edge_agent.probe import as_text, known_endpoints
from tests.processes import free_port
from tests.session.peer_server import Call, Json, confirm
from tests.system.local_server import local_server
from tests.system.puppet import puppet


def refuse_clear(call: Call, message: Json) -> None:
    """Be a server that knows no clear, and says so as speech-to-speech does."""
    confirm(call, message)
    if message["type"] == "input_audio_buffer.clear":
        error = {"type": "unknown_or_invalid_event", "message": "unknown", "event_id": message["event_id"]}
        call.say({"type": "error", "event_id": "event_9", "error": error})
    if message["type"] == "conversation.item.create":
        call.say({"type": "conversation.item.created", "event_id": "event_8", "item": {"id": "item_1"}})


def test_a_probe_learns_what_each_server_can_and_leaves_no_call_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with local_server() as local, puppet() as limited:
        limited.server.on_message = refuse_clear
        nobody = {"name": "nobody", "profile": "local", "url": f"http://127.0.0.1:{free_port()}"}
        config = tmp_path / "edge-agent.yaml"
        config.write_text(yaml.safe_dump({"endpoints": [local.endpoint(), limited.endpoint, nobody]}))
        assert cli.main(["endpoints", "--probe", "--json", "--config", str(config)]) == ExitCode.OK
        assert local.open_calls() == []
        assert limited.hang_ups() == 1
        parts = parts_of(load_config(config))
    rows = json.loads(capsys.readouterr().out)["endpoints"]
    shown = [
        (row["order"], row["name"], row["health"], row["dialect"], row["takes_manual_turns"]) for row in rows
    ]
    assert shown == [
        (1, "local", "works", "ga", True),
        (2, "puppet", "works", "beta", False),
        (3, "nobody", "failed", None, None),
    ]
    assert "refused" in rows[2]["fault"].lower()
    taken = [turns.takes_manual_turns for turns in parts.agent_settings.turn_taking]
    assert taken == [True, False, True], "what was learnt counts from the next start on"


def test_without_a_probe_nobody_is_called(tmp_path: Path) -> None:
    with puppet() as server:
        config = tmp_path / "edge-agent.yaml"
        config.write_text(yaml.safe_dump({"endpoints": [server.endpoint]}))
        rows = known_endpoints(load_config(config), probe=False)
        assert server.calls_made() == 0
    assert "puppet  local    unknown  never" in as_text(rows)
