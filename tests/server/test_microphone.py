from __future__ import annotations

from edge_agent.server.microphone import BYTES_PER_MS, KEPT_MS, InputBuffer


def block(value: int, length_ms: int) -> bytes:
    return bytes((value,)) * (length_ms * BYTES_PER_MS)


def test_sound_is_found_by_its_position() -> None:
    heard = InputBuffer()
    heard.append(block(1, 100))
    heard.append(block(2, 100))
    assert heard.position_ms == 200
    assert heard.between(90, 110) == block(1, 10) + block(2, 10)
    assert heard.between(150, 900) == block(2, 50)


def test_old_sound_is_forgotten_and_positions_stay() -> None:
    heard = InputBuffer()
    for second in range(200):
        heard.append(block(second, 1000))
    assert heard.position_ms == 200_000
    assert heard.between(199_000, 200_000) == block(199, 1000)
    assert heard.between(0, 1000) == b""
    assert KEPT_MS <= len(heard.between(0, 200_000)) // BYTES_PER_MS <= KEPT_MS * 1.2
