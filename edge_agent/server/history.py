"""The items of a conversation, in order."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from edge_agent.protocol import malformed
from edge_agent.protocol.malformed import Malformed
from edge_agent.protocol.objects import ContentPart, Item

MAX_ITEMS = 1000
"""Then the oldest are forgotten: some hours of talk."""

CONTENT_TYPES = {
    "system": frozenset({"input_text"}),
    "user": frozenset({"input_text", "input_audio", "input_image"}),
    "assistant": frozenset({"output_text", "output_audio"}),
}
"""Role of a message -> types of content that it may have."""

_ITEM_TYPES = frozenset({"message", "function_call", "function_call_output", "mcp_approval_response"})


class History:
    """Items by id and order. ``duration_ms`` is how long the sound of an item lasts, 0 without sound."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._duration_ms: dict[str, int] = {}

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def __getitem__(self, item_id: str) -> Item:
        return self._items[item_id]

    @property
    def last(self) -> Item | None:
        """The newest item."""
        return self._items[self._order[-1]] if self._order else None

    def newest_first(self) -> Iterator[Item]:
        """Yield the items, the newest first."""
        return (self._items[item_id] for item_id in reversed(self._order))

    def previous_of(self, item_id: str) -> str | None:
        """Return the id of the item before, None for the first."""
        index = self._order.index(item_id)
        return self._order[index - 1] if index else None

    def find_call(self, call_id: str) -> Item | None:
        """Return the function call that has ``call_id``."""
        calls = (item for item in self._items.values() if item.type == "function_call")
        return next((item for item in calls if item.call_id == call_id), None)

    def add(self, item: Item, after: str | None = None) -> None:
        """Add an item: after that one, before all others for "root", at the end for None."""
        index = len(self._order) if after is None else 0 if after == "root" else self._order.index(after) + 1
        self._order.insert(index, item.id)
        self._items[item.id] = item
        while len(self._order) > MAX_ITEMS:
            self.remove(self._order[0])

    def replace(self, item: Item) -> None:
        """Put another version in the place of an item; nothing if it has been removed."""
        if item.id in self._items:
            self._items[item.id] = item

    def remove(self, item_id: str) -> None:
        """Forget an item."""
        self._order.remove(item_id)
        del self._items[item_id]
        self._duration_ms.pop(item_id, None)

    def set_duration(self, item_id: str, duration_ms: int) -> None:
        """Note how long the sound of an item lasts."""
        if item_id in self._items:
            self._duration_ms[item_id] = duration_ms

    def duration_ms(self, item_id: str) -> int:
        """Return how long the sound of an item lasts."""
        return self._duration_ms.get(item_id, 0)

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Cut the sound of an assistant's item; its transcript is dropped with it."""
        item = self._items.get(item_id)
        if item is None:
            return
        content = tuple(msgspec.structs.replace(part, transcript=None) for part in item.content)
        self._items[item_id] = msgspec.structs.replace(item, content=content)
        self._duration_ms[item_id] = min(audio_end_ms, self.duration_ms(item_id))


def check_item(item: Item, history: History) -> None:
    """Raise Malformed, in the words of an ``error`` event, unless a client may add ``item``."""
    if item.id and item.id in history:
        raise Malformed("An item with this id exists.", code="item_create_duplicate_id", param="item.id")
    if item.type not in _ITEM_TYPES:
        raise malformed.wrong_value("item.type", ", ".join(sorted(_ITEM_TYPES)))
    if item.type == "message":
        _check_message(item)
    elif item.type == "function_call_output":
        _check_output(item, history)


def _check_message(item: Item) -> None:
    if item.role not in CONTENT_TYPES:
        raise malformed.wrong_value("item.role", ", ".join(CONTENT_TYPES))
    if not item.content:
        raise malformed.missing("item.content")
    for index, part in enumerate(item.content):
        if part.type not in CONTENT_TYPES[item.role]:
            allowed = ", ".join(sorted(CONTENT_TYPES[item.role]))
            raise malformed.wrong_value(f"item.content[{index}].type", allowed)
        if part.type.endswith("_text") and part.text is None:
            raise malformed.missing(f"item.content[{index}].text")


def _check_output(item: Item, history: History) -> None:
    if item.call_id is None:
        raise malformed.missing("item.call_id")
    if item.output is None:
        raise malformed.missing("item.output")
    if history.find_call(item.call_id) is None:
        raise Malformed(
            "No function call with this call_id in the conversation.",
            code="invalid_tool_call_id",
            param="item.call_id",
        )


def text_of(item: Item) -> str:
    """Return the words of an item, written or transcribed."""
    return " ".join(filter(None, (_words(part) for part in item.content)))


def _words(part: ContentPart) -> str | None:
    return part.text if part.text is not None else part.transcript
