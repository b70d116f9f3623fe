"""The endpoints of a configuration: where each is, what is asked of it, and what it offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
from msgspec import UNSET

from edge_agent.config import schema
from edge_agent.config.secrets import find_secret
from edge_agent.config.spending import costs_of
from edge_agent.config.wishes import profile_of, wishes_of
from edge_agent.core.abilities import Abilities
from edge_agent.core.settings import TurnTaking
from edge_agent.core.ways import Offer, TransportKind
from edge_agent.errors import ConfigError
from edge_agent.protocol.objects import JsonObject
from edge_agent.protocol.profiles import Profile
from edge_agent.protocol.session_object import ServerVad, SessionWishes, turn_detection_update
from edge_agent.session.endpoint import Deadlines, Endpoint, IceServer, Secret
from edge_agent.session.transport import PlainSoundRoad, SoundRoad, Transport
from edge_agent.session.webrtc import WebRtcTransport


class Road(SoundRoad, PlainSoundRoad, Protocol):
    """Microphone and loudspeaker, in the form that any transport wants."""


def _over_websocket(endpoint: Endpoint, sound: Road) -> Transport:
    """Imported when it is needed: most devices never do."""
    from edge_agent.session.websocket import WebSocketTransport

    return WebSocketTransport(endpoint, sound)


TRANSPORTS: dict[TransportKind, Callable[[Endpoint, Road], Transport]] = {
    TransportKind.WEBRTC: WebRtcTransport,
    TransportKind.WEBSOCKET: _over_websocket,
}
"""What can carry a session."""

PLAIN_SOUND: JsonObject = {"type": "audio/pcm", "rate": 24_000}
"""What sound is inside of events; 24 kHz is the only rate that servers take."""

PATH_LIMIT_S = 4.0
"""How long WebRTC may look for a path where there is another transport: a conversation is to begin within
10 s of the start. Each check is sent four times by then, after 0, 0.5, 1.5 and 3.5 s (RFC 8489 section
6.2.1), so that a slow Wi-Fi that saves power is not taken for a firewall (raspberrypi/linux#7533)."""


@dataclass(frozen=True, slots=True)
class Server:
    """One endpoint of the list, and what is asked of every session with it."""

    endpoint: Endpoint
    wishes: SessionWishes
    offer: Offer
    secrets: tuple[str, ...]
    """Its keys, which must never be seen."""

    def by(self, transport: TransportKind) -> tuple[Endpoint, SessionWishes]:
        """Return endpoint and wishes as they are over ``transport``."""
        if transport is TransportKind.WEBRTC:
            return self.endpoint, self.wishes
        profile = replace(self.endpoint.profile, wrapped_events=False)
        wishes = msgspec.structs.replace(self.wishes, input_format=PLAIN_SOUND, output_format=PLAIN_SOUND)
        return replace(self.endpoint, profile=profile), wishes

    def turn_taking(self, learnt: Abilities) -> TurnTaking:
        """How push-to-talk is done with it: as the profile says, unless it has shown that it can't."""
        profile, wished = self.endpoint.profile, self.wishes.turn_detection
        return TurnTaking(
            takes_manual_turns=profile.takes_manual_turns and learnt.takes_manual_turns is not False,
            detection_on=turn_detection_update(ServerVad() if wished is UNSET else wished, profile.dialect),
            detection_off=turn_detection_update(None, profile.dialect),
        )


def servers_of(config: schema.Config) -> tuple[Server, ...]:
    """Translate the endpoints, in their order. Raises ConfigError when a key can't be found."""
    return tuple(_server(config, chosen) for chosen in config.endpoints)


def _server(config: schema.Config, chosen: schema.Endpoint) -> Server:
    profile = profile_of(chosen)
    endpoint = _endpoint(chosen, profile)
    offer = Offer(
        chosen.name,
        transports_of(chosen, profile),
        is_paid=profile.needs_key or costs_of(config, chosen).prices.are_known,
        announcement=chosen.announcement,
    )
    if len(offer.transports) > 1:
        endpoint = replace(endpoint, deadlines=replace(endpoint.deadlines, path_s=PATH_LIMIT_S))
    found = [endpoint.key, *(server.credential for server in endpoint.ice_servers)]
    return Server(
        endpoint,
        wishes_of(config, chosen),
        offer,
        secrets=tuple(secret() for secret in found if secret is not None),
    )


def transports_of(chosen: schema.Endpoint, profile: Profile) -> tuple[TransportKind, ...]:
    """Return what may carry sessions with an endpoint, in the order of preference. Raises ConfigError."""
    wished = tuple(TransportKind) if chosen.transport == "auto" else (TransportKind(chosen.transport),)
    impossible = {TransportKind.WEBSOCKET} if profile.websocket_path is None else set()
    possible = tuple(kind for kind in wished if kind not in impossible)
    if not possible:
        raise ConfigError(
            f"endpoint {chosen.name}: transport: expected auto or webrtc, got {chosen.transport}, "
            f"which the profile {chosen.profile} does not offer"
        )
    return possible


def _endpoint(chosen: schema.Endpoint, profile: Profile) -> Endpoint:
    where = f"endpoint {chosen.name}: key"
    key = _secret(where, chosen.key)
    if key is None and profile.needs_key:
        raise ConfigError(
            f"{where}: the profile {chosen.profile} needs a key; name a credential, file or env"
        )
    ice_servers = tuple(
        IceServer(
            server.url, server.username, _secret(f"endpoint {chosen.name}: {server.url}", server.credential)
        )
        for server in chosen.ice_servers
    )
    patience = chosen.deadlines
    return Endpoint(
        name=chosen.name,
        base_url=chosen.url,
        profile=profile,
        model=chosen.model,
        key=key,
        extra_headers=dict(chosen.headers),
        ice_servers=ice_servers,
        deadlines=Deadlines(
            http_s=patience.http_s,
            connect_s=patience.connect_s,
            session_created_s=patience.session_created_s,
            session_updated_s=patience.session_updated_s,
        ),
    )


def _secret(purpose: str, source: schema.KeySource | None) -> Secret | None:
    return None if source is None else find_secret(purpose, source).secret
