from __future__ import annotations

from edge_agent.server.usage import Meter, text_tokens


def test_voices_cost_by_time_and_texts_by_length() -> None:
    meter = Meter()
    meter.add_voice(1500)
    meter.add_text("a question of 25 letters.")
    usage = meter.respond("twelve chars", 2000)
    details = usage.input_token_details
    assert details is not None
    assert (details.audio_tokens, details.text_tokens, details.cached_tokens) == (15, 7, 0)
    assert usage.output_token_details is not None
    assert usage.output_token_details.audio_tokens == 40
    assert usage.output_token_details.text_tokens == 3
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens == 65


def test_every_response_takes_the_whole_history_again_partly_cached() -> None:
    meter = Meter()
    meter.add_voice(1000)
    first = meter.respond("hello", 1000)
    meter.add_voice(1000)
    second = meter.respond("hello", 1000)
    assert second.input_tokens == first.total_tokens + 10
    assert second.input_token_details is not None
    assert second.input_token_details.cached_tokens == first.input_tokens


def test_no_text_costs_nothing() -> None:
    assert text_tokens("") == 0
