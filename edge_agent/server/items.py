"""The items of one call: those that the client makes, and those that were said aloud. Pure."""

from __future__ import annotations

import re

import msgspec

from edge_agent.protocol import client_events as said
from edge_agent.protocol import malformed
from edge_agent.protocol import server_events as ev
from edge_agent.protocol.malformed import Malformed
from edge_agent.protocol.objects import ApiError, ContentPart, Item, TranscriptionUsage
from edge_agent.protocol.session_object import Transcription
from edge_agent.server.effects import Effect, Emit, Recognise
from edge_agent.server.history import check_item, text_of
from edge_agent.server.scenario import FailTranscription
from edge_agent.server.state import SessionState


def create(state: SessionState, event: said.ConversationItemCreate) -> list[Effect]:
    """Take an item that the client has made. Raises Malformed."""
    history, item, after = state.history, event.item, event.previous_item_id
    check_item(item, history)
    if after not in (None, "root") and after not in history:
        raise Malformed(
            "There is no item with the id of previous_item_id.",
            code="item_create_invalid_previous_item_id",
            param="previous_item_id",
        )
    item_id = item.id or state.new_id("item")
    item = msgspec.structs.replace(item, id=item_id, object="realtime.item", status="completed")
    history.add(item, after)
    state.meter.add_text(item.output or text_of(item))
    previous = history.previous_of(item_id) if item_id in history else None
    return [
        Emit(ev.ConversationItemAdded(item=item, previous_item_id=previous)),
        Emit(ev.ConversationItemDone(item=item, previous_item_id=previous)),
    ]


def retrieve(state: SessionState, event: said.ConversationItemRetrieve) -> list[Effect]:
    """Show an item. Raises Malformed."""
    item = _item(state, event.item_id, "retrieve")
    return [Emit(ev.ConversationItemRetrieved(item=item))]


def delete(state: SessionState, event: said.ConversationItemDelete) -> list[Effect]:
    """Forget an item. Raises Malformed."""
    item = _item(state, event.item_id, "delete")
    state.history.remove(item.id)
    return [Emit(ev.ConversationItemDeleted(item_id=item.id))]


def check_truncation(state: SessionState, event: said.ConversationItemTruncate) -> None:
    """Raises Malformed if an item can't be cut there."""
    item = _item(state, event.item_id, "truncate")
    if item.role != "assistant" or not any(part.type == "output_audio" for part in item.content):
        raise Malformed(
            "Only model output audio messages can be truncated",
            code="unsupported_content_type",
            param="item_id",
        )
    duration_ms = state.history.duration_ms(item.id)
    if event.content_index != 0:
        raise malformed.wrong_value("content_index", "0")
    if not 0 <= event.audio_end_ms <= duration_ms:
        raise malformed.wrong_value("audio_end_ms", f"0 to {duration_ms}")


def add_spoken(state: SessionState, item_id: str, start_ms: int, end_ms: int) -> list[Effect]:
    """Make what was heard from ``start_ms`` to ``end_ms`` of session audio an item."""
    content = (ContentPart(type="input_audio"),)
    item = Item(
        id=item_id,
        type="message",
        object="realtime.item",
        status="completed",
        role="user",
        content=content,
    )
    state.history.add(item)
    state.history.set_duration(item_id, end_ms - start_ms)
    state.meter.add_voice(end_ms - start_ms)
    state.unheard.add(item_id)
    previous = state.history.previous_of(item_id)
    return [
        Emit(ev.InputAudioBufferCommitted(item_id=item_id, previous_item_id=previous)),
        Emit(ev.ConversationItemAdded(item=item, previous_item_id=previous)),
        Emit(ev.ConversationItemDone(item=item, previous_item_id=previous)),
        Recognise(item_id, start_ms, end_ms),
    ]


def transcribe(state: SessionState, item_id: str, words: str | None) -> list[Effect]:
    """Write down what was said in an item, if the client wants that; None: it is not known."""
    if not isinstance(state.wishes.transcription, Transcription) or item_id not in state.history:
        return []
    fault = state.stage.take(FailTranscription)
    if fault or words is None:
        code, message = (fault.code, fault.message) if fault else ("server_error", "Not recognised in time.")
        error = ApiError(type="transcription_error", code=code, message=message)
        return [Emit(ev.ConversationItemInputAudioTranscriptionFailed(item_id=item_id, error=error))]
    part = ContentPart(type="input_audio", transcript=words)
    state.history.replace(msgspec.structs.replace(state.history[item_id], content=(part,)))
    usage = TranscriptionUsage(type="duration", seconds=state.history.duration_ms(item_id) / 1000)
    deltas = [
        Emit(ev.ConversationItemInputAudioTranscriptionDelta(item_id=item_id, delta=word))
        for word in re.findall(r"\S+\s*", words)
    ]
    done = ev.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=words, usage=usage)
    return [*deltas, Emit(done)]


def _item(state: SessionState, item_id: str, action: str) -> Item:
    if item_id not in state.history:
        raise Malformed(
            f"Error: cannot {action} an item that is not in the conversation.",
            code=f"item_{action}_invalid_item_id",
            param="item_id",
        )
    return state.history[item_id]
