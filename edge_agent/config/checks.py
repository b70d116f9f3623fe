"""Rules of meaning, beyond the type of a single value: addresses, pins, names, keys that need each other."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from edge_agent.audio.spec import PcmSpec
from edge_agent.config import schema
from edge_agent.config.leaks import HIDDEN, SECRET_ADVICE, is_secret_name, looks_secret, quoted, shown_key
from edge_agent.config.mistakes import INVALID, Mistake, Path, Place, key_text
from edge_agent.config.spending import costs_of, limits_of
from edge_agent.config.wishes import profile_of
from edge_agent.core.limits import Limits, money
from edge_agent.core.settings import DEFAULT_GESTURES, Action, Mode

T = TypeVar("T")

ADDRESS = "an address such as https://api.openai.com"

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
"""A token of RFC 9110 section 5.6.2."""

PROFILES_WITHOUT_MODEL = frozenset({"local", "huggingface", "custom"})
"""Servers that answer with the one model they have."""


def check(config: schema.Config, places: Mapping[Path, Place], known: Collection[Path]) -> list[Mistake]:
    """Return what is wrong with ``config``, in whose lists INVALID stands for what could not be read.

    ``places`` tells where each value stood. Nothing is said about a value that is part of a ``known``
    mistake, or holds one: its default has taken its place.
    """
    found: list[Mistake] = []
    for rule in RULES:
        for mistake in rule(config):
            if not any(_overlap(mistake.path, path) for path in known):
                found.append(_placed(mistake, places))
    return found


def _read(items: Iterable[T]) -> Iterator[tuple[int, T]]:
    """Yield the items of a list that could be read, with their places in it."""
    return ((index, item) for index, item in enumerate(items) if item is not INVALID)


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _placed(mistake: Mistake, places: Mapping[Path, Place]) -> Mistake:
    """Give the mistake the place of its value, or of the nearest thing around it that was written."""
    around = (mistake.path[:length] for length in range(len(mistake.path), -1, -1))
    place = next((places[path] for path in around if path in places), None)
    return Mistake(mistake.path, mistake.expected, mistake.got, place, mistake.suggestion, mistake.advice)


def _addresses(config: schema.Config) -> Iterator[Mistake]:
    for index, endpoint in _read(config.endpoints):
        path: Path = ("endpoints", index)
        yield from _wrong_address((*path, "url"), endpoint.url)
        for key in ("calls_path", "token_path"):
            url = getattr(endpoint.overrides, key)
            if url is not None and not url.startswith("/"):
                yield from _wrong_address((*path, "overrides", key), url)


def _wrong_address(path: Path, url: str) -> Iterator[Mistake]:
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or not url.isascii() or not url.isprintable() or " " in url:
        yield Mistake(path, ADDRESS, HIDDEN if looks_secret(url) else quoted(url))
    elif parts.username or parts.password:
        yield Mistake(path, "an address without a password", "one with it", advice=SECRET_ADVICE)
    elif parts.query or parts.fragment:
        advice = "put query parameters into overrides: {calls_query: {…}}"
        yield Mistake(path, "an address without ? and #", "one with them", advice=advice)
    elif parts.scheme == "http" and not _is_loopback(parts):
        advice = f"use https://, or a tunnel: ssh -N -L 8080:127.0.0.1:PORT {parts.hostname}"
        yield Mistake(path, "https:// (http:// only to this machine)", "http:// to another", advice=advice)


def _is_loopback(parts: SplitResult) -> bool:
    host = (parts.hostname or "").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(config: schema.Config) -> Iterator[Mistake]:
    yield from _repeated("endpoints", [(index, one.name) for index, one in _read(config.endpoints)])
    yield from _repeated("buttons", [(index, one.name) for index, one in _read(config.buttons)])


def _repeated(section: str, names: Iterable[tuple[int, str]]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, name in names:
        if first.setdefault(name, index) != index:
            got = f"{quoted(name)}, as {section}[{first[name]}] is called"
            yield Mistake((section, index, "name"), "each name once", got)


def _pins(config: schema.Config) -> Iterator[Mistake]:
    owners: dict[int, Path] = {}
    for path, pin in _all_pins(config):
        first = owners.setdefault(pin, path)
        if first != path:
            yield Mistake(path, "a pin of its own", f"{pin}, which {key_text(first)} has")


def _all_pins(config: schema.Config) -> Iterator[tuple[Path, int]]:
    for index, led in _read(config.leds):
        keys = ("red", "green", "blue") if isinstance(led, schema.RgbLed) else ("pin",)
        for key in keys:
            yield ("leds", index, key), getattr(led, key)
    for index, button in _read(config.buttons):
        yield ("buttons", index, "pin"), button.pin


def _gestures(config: schema.Config) -> Iterator[Mistake]:
    for index, button in _read(config.buttons):
        for gesture in ("tap", "double_tap"):
            if getattr(button, gesture) == "talk":
                path = ("buttons", index, gesture)
                got = "talk, which lasts as long as the button is held"
                yield Mistake(path, "another action", got, advice="use hold: talk")
        for gesture in ("tap", "hold", "double_tap"):
            if config.mode == "always-on" and getattr(button, gesture) == "conversation":
                expected = (
                    "an action of mode always-on (talk, mute, interrupt, volume-up, volume-down or none)"
                )
                got = "conversation, which belongs to modes button and wake-word"
                yield Mistake(("buttons", index, gesture), expected, got)


def _ears(config: schema.Config) -> Iterator[Mistake]:
    """There must be a way to be heard."""
    actions = {action for _, button in _read(config.buttons) for action in _actions(button, config.mode)}
    if config.mode == "button" and not actions & {Action.CONVERSATION, Action.TALK}:
        yield Mistake(("buttons",), "a button for conversation or talk (mode is button)", "none")
    is_deaf = isinstance(config.session.turn_detection, schema.NoTurnDetection)
    if config.mode != "button" and is_deaf and Action.TALK not in actions:
        path = ("session", "turn_detection")
        got = "none, so that nobody is ever heard"
        yield Mistake(path, "turn detection, or a button whose hold is talk", got)


def _actions(button: schema.Button, mode: str) -> Iterator[Action]:
    defaults = DEFAULT_GESTURES[Mode(mode)]
    for written, default in zip((button.tap, button.hold, button.double_tap), defaults, strict=True):
        yield default if written is None else Action(written)


def _keys(config: schema.Config) -> Iterator[Mistake]:
    for index, endpoint in _read(config.endpoints):
        path: Path = ("endpoints", index)
        if endpoint.key is None and profile_of(endpoint).needs_key:
            example = "{env: API_KEY}"
            expected = f"where the key of profile {endpoint.profile} is found, such as {example}"
            yield Mistake((*path, "key"), expected, "nothing")
        if endpoint.model is None and endpoint.profile not in PROFILES_WITHOUT_MODEL:
            yield Mistake((*path, "model"), f"the model to ask for (profile {endpoint.profile})", "nothing")
        sources = [((*path, "key"), endpoint.key)]
        sources += [
            ((*path, "ice_servers", number, "credential"), server.credential)
            for number, server in _read(endpoint.ice_servers)
        ]
        for place, source in sources:
            if source is not None and not (source.credential or source.file or source.env):
                yield Mistake(place, "credential, file or env", "none of them")


def _headers(config: schema.Config) -> Iterator[Mistake]:
    for index, endpoint in _read(config.endpoints):
        for name, value in endpoint.headers.items():
            path = ("endpoints", index, "headers", shown_key(name))
            if is_secret_name(name):
                yield Mistake(path, "no secret in this file", "a header for one", advice=SECRET_ADVICE)
            elif not HEADER_NAME.fullmatch(name):
                yield Mistake(path, "the name of an HTTP header", "other characters")
            elif not value.isprintable():
                yield Mistake(path, "one line of text", "control characters or several lines")


def _sound(config: schema.Config) -> Iterator[Mistake]:
    for key in ("input", "output"):
        value = getattr(config.sound, key)
        try:
            PcmSpec.parse(value)
        except ValueError as error:
            expected = str(error).removeprefix("expected ").partition("; got")[0]
            yield Mistake(("sound", key), expected, quoted(value))


def _opus(config: schema.Config) -> Iterator[Mistake]:
    opus = config.sound.opus
    if opus.fec and not opus.expected_loss_percent:
        path = ("sound", "opus", "expected_loss_percent")
        yield Mistake(path, "1 or more with fec: true", "0, with which fec does nothing")
    if opus.fec and opus.application == "lowdelay":
        path = ("sound", "opus", "application")
        yield Mistake(path, "voip or auto with fec: true", "lowdelay, which has no fec")


def _prices(config: schema.Config) -> Iterator[Mistake]:
    for index, endpoint in _read(config.endpoints):
        tokens = endpoint.prices.per_million_tokens
        known = [name for name in tokens.__struct_fields__ if getattr(tokens, name) is not None]
        for ending, what in (("_input", "reads"), ("_output", "writes")):
            if known and not any(name.endswith(ending) for name in known):
                path = ("endpoints", index, "prices", "per_million_tokens")
                yield Mistake(path, f"a price of what the model {what} as well", "none")
        if costs_of(config, endpoint).prices.are_known and config.budget.currency is None:
            yield Mistake(("budget", "currency"), "the currency of the prices, such as EUR", "nothing")


def _budget(config: schema.Config) -> Iterator[Mistake]:
    limits = limits_of(config.budget)
    costs = [costs_of(config, endpoint) for _, endpoint in _read(config.endpoints)]
    needed = max((cost.to_begin for cost in costs), default=0)
    for period, limit in limits.money.items():
        soft, hard = (("budget", f"{kind}_per_{period.value}") for kind in ("soft", "hard"))
        for path, amount in ((soft, limit.soft), (hard, limit.hard)):
            if amount is not None and not any(cost.prices.are_known for cost in costs):
                yield Mistake(
                    path, "prices at an endpoint (endpoints[0].prices) with a limit of money", "none"
                )
        if limit.soft is not None and limit.hard is not None and limit.soft > limit.hard:
            yield Mistake(soft, f"at most {hard[-1]}", "more")
        if limit.hard is not None and limit.hard < needed:
            yield _too_small(hard, limit.hard, needed, limits)


def _too_small(path: Path, given: int, needed: int, limits: Limits) -> Mistake:
    expected = f"at least what a session with one answer may cost, {money(needed, limits.currency)}"
    advice = "lower session.max_output_tokens, or session.truncation's post_instructions, to make that less"
    return Mistake(path, expected, money(given, limits.currency), advice=advice)


RULES = (_addresses, _names, _pins, _gestures, _ears, _keys, _headers, _sound, _opus, _prices, _budget)
"""Each takes the configuration and yields mistakes without places."""
