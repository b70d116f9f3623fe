"""What outlives the process about each endpoint, and what happens to a file that is of no use."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.core.abilities import Abilities
from edge_agent.core.events import LinkDown, LinkUp, ServerSaid
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.endpoint_memory import FILE_NAME, EndpointMemory, Remembered
from edge_agent.protocol import server_events as said
from edge_agent.protocol.dialect import Dialect

REFUSED = LinkDown(1, Fault(FaultKind.NETWORK, "refused"))


def test_what_was_learnt_is_there_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    watch = EndpointMemory(folder, lambda: 1000.0).watch("cloud")
    watch.saw(LinkUp(1, "sess_1", None))
    watch.saw_name("response.audio.done")
    watch.saw(ServerSaid(1, said.InputAudioBufferCleared()))
    remembered = EndpointMemory(folder).of("cloud")
    assert remembered.abilities == Abilities(Dialect.BETA, None, True, True)
    assert (remembered.opened_at_s, remembered.learnt_at_s, remembered.fault) == (1000.0, 1000.0, "")
    assert EndpointMemory(folder).of("other") == Remembered()
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_names_that_come_in_rows_are_all_learnt_from() -> None:
    memory = EndpointMemory(None)
    watch, learnt = memory.watch("cloud"), []
    for name in ("rate_limits.updated", "response.audio.delta", "response.output_audio.delta"):
        watch.saw_name(name)
        watch.saw_name(name)
        learnt.append(memory.of("cloud").abilities.dialect)
    assert learnt == [None, Dialect.BETA, Dialect.GA]


def test_two_sessions_side_by_side_learn_together(tmp_path: Path) -> None:
    memory = EndpointMemory(tmp_path)
    one, other = memory.watch("cloud"), memory.watch("cloud")
    one.saw_name("response.audio.done")
    other.saw_name("output_audio_buffer.started")
    one.saw(ServerSaid(1, said.InputAudioBufferCleared()))
    assert memory.of("cloud").abilities == Abilities(Dialect.BETA, True, True, None)


def test_the_same_fault_again_writes_nothing(tmp_path: Path) -> None:
    watch = EndpointMemory(tmp_path).watch("cloud")
    watch.saw(REFUSED)
    before = (tmp_path / FILE_NAME).stat().st_mtime_ns
    for _ in range(100):
        watch.saw(REFUSED)
    assert (tmp_path / FILE_NAME).stat().st_mtime_ns == before


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b'{"cloud": 5}', b"\xff"])
def test_a_file_that_can_not_be_read_is_forgotten(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    memory = EndpointMemory(tmp_path)
    assert memory.of("cloud") == Remembered()
    memory.watch("cloud").saw(REFUSED)
    assert EndpointMemory(tmp_path).of("cloud").fault == "refused"


def test_a_folder_that_can_not_be_written_keeps_nothing_and_hurts_nobody(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    for folder in (tmp_path / "state", None):
        memory = EndpointMemory(folder)
        memory.watch("cloud").saw(REFUSED)
        assert memory.of("cloud").fault == "refused"
