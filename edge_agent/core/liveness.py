"""Whether a session's connection lives: what counts as a sign of life, and what its absence means.

The library below says "connected" for half a minute after a peer has died, and for ever when only the sound
has. So packets of every kind are counted here, and silence is asked about: a peer that lives answers a check
within a round trip, even one that has nothing to say. Whether the peer or the way to it has failed decides
what follows: a dead peer is replaced, a dead path is waited for, because it heals by itself.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.lapse import Lapse, Missed, Passage, Sending
from edge_agent.errors import IllegalTransition

CHECK_AFTER_S = 1.5
"""Silence after which the peer is asked. While a server sends sound there are fifty packets a second."""

SILENT_AFTER_S = 1.0
"""A little before: what follows is timed to tenths of a second."""

CHECK_EVERY_S = 0.5
CHECKS_AT_ONCE = 4
CHECK_LATER_EVERY_S = 1.0
"""A check is one packet and may be lost: four of them half a second apart, then one a second, for as long as
the silence lasts. They also find a path that has come back to a server with nothing to say."""

DOUBT_AFTER_S = 3.5
"""Silence, in spite of checks, that makes a connection doubtful. Not below 3 s: round trips of 1 to 2 s are
one in a hundred on a Raspberry Pi's Wi-Fi with power saving (raspberrypi/linux#7533)."""

PEER_DEAD_AFTER_S = 7.0
"""Silence after which a peer with an open path to it is given up; a server's pause for garbage is shorter."""

OPEN_FOR_S = 1.5
"""So long the path has to be open before it is held against the peer that it is silent: packets need a moment
more than the probe when a path comes back."""

STREAM_HEALS_WITHIN_S = 6.0
"""A stream of TCP that nobody has acknowledged is given so much longer once its path is open, but no longer
than it was silent before: a frozen server's system acknowledges, and a closed path's does not. Both sides
send again after some 0.2 s, and after twice as long each time (RFC 6298 section 5.5): a stream heals as long
after its path as the path was closed, at the latest. Who waits for an answer waits no longer than this for
it: another session takes a second or two."""

PATH_DEAD_AFTER_S = 25.0
"""Silence after which a connection without a path is given up. Outages up to here heal within 0.1 s,
measured; the library itself gives up after some 27 s, and so do servers built with it."""

PATH_PROBE_EVERY_S = 1.0
"""Between two probes of the path, while the connection is doubted."""

MOVED_AFTER_S = 1.0
"""An address that is gone for so long is not just being renewed."""

DEAF_AFTER_S = 3.0
"""No sound from a server that says it plays; its pauses between words are sound as well."""

FLOW_GAP_S = 2.5
"""Silence that also explains missing sound. A peer that answers the checks is never silent for so long."""

ASLEEP_AFTER_S = 1.5
"""A gap between two looks, which come twice a second, that means that we did not live ourselves: a machine
that was suspended, a loop that hung. What the peer did meanwhile, nobody knows."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known at one moment. ``packets`` counts those of every kind, None: they can't be counted
    here, and nothing is judged.

    ``sound_packets`` counts those that could be decoded, as far as that is known. ``plays``: the server says
    that its sound is on its way; ``owes_sound``: it has made an answer, and none of it has come.
    ``path_is_open`` is what the last probe found, since a probe was first asked for; None before.
    ``address_is_gone``: this machine no longer has the address from which it sends. ``is_stuck``: what was
    sent has been sent again, and is not acknowledged yet. ``heard_at``: when something came last, None: the
    looks tell. ``sending``: what is known of our own sound.
    """

    packets: int | None
    sound_packets: int = 0
    plays: bool = False
    owes_sound: bool = False
    path_is_open: bool | None = None
    address_is_gone: bool = False
    is_stuck: bool = False
    heard_at: float | None = None
    sending: Sending = field(default_factory=Sending)


class Trust(enum.Enum):
    """What is thought of a connection."""

    TRUSTED = "trusted"
    DOUBTED = "doubted"
    GIVEN_UP = "given up"


TRANSITIONS: dict[Trust, dict[Trust, str]] = {
    Trust.TRUSTED: {
        Trust.DOUBTED: "nothing arrives, and checks are not answered",
        Trust.GIVEN_UP: "sound is missing, or our address is gone",
    },
    Trust.DOUBTED: {
        Trust.TRUSTED: "a packet arrives",
        Trust.GIVEN_UP: "it lasts too long, or our address is gone",
    },
    Trust.GIVEN_UP: {},
}
"""The legal moves and what makes them; any other is a bug."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a look came to: what is to be asked now, and why the connection is to be ended, if it is.

    ``missed``: what has not arrived, now that something may arrive again.
    """

    check_peer: bool = False
    probe_path: bool = False
    fault: Fault | None = None
    missed: Missed | None = None


class Liveness:
    """Judges one connection that is up. :meth:`look` is to be called twice a second, oftener in silence.

    ``loses``: whether it may lose what was sent. ``ends_are_known``: an earlier session has shown that this
    server says when it has sent all the sound of an answer, so that sound that is missing is no such end.
    """

    def __init__(self, now: float, *, loses: bool = True, ends_are_known: bool = False) -> None:
        self.trust = Trust.TRUSTED
        self._lapse = Lapse(loses=loses)
        self._silence = _Silence(now)
        self._hearing = _Hearing(now, ends_are_known)
        self._checks = 0
        self._checked_at = now
        self._probed_at = -PATH_PROBE_EVERY_S
        self._open_since: float | None = None
        self._was_stuck = False
        """Whether packets have been lost during this silence, as far as a stream knows."""
        self._gone_since: float | None = None

    @property
    def is_silent(self) -> bool:
        """Whether nothing had come for a while at the last look: the next one is to be soon."""
        return self._silence.lasts_s >= SILENT_AFTER_S

    @property
    def passage(self) -> Passage:
        """Whether what is said arrives; a judgement says what was missed when it is open again."""
        return self._lapse.passage

    def look(self, signs: Signs, now: float) -> Judgement:
        """Take what is known and say what follows. After a ``fault`` there is nothing more to say."""
        if self.trust is Trust.GIVEN_UP or signs.packets is None:
            return Judgement()
        self._silence.take(signs.packets, signs.heard_at, now)
        self._hearing.take(signs, self._silence.since, now)
        self._note_path(signs, now)
        self._note_trust(now)
        fault = self._fault(now)
        if fault is not None:
            self._set_trust(Trust.GIVEN_UP)
            return Judgement(fault=fault)
        missed = self._lapse.look(self._silence.since, signs.sending, now)
        return Judgement(self._is_check_due(now), self._is_probe_due(now), missed=missed)

    def _note_path(self, signs: Signs, now: float) -> None:
        is_asked = self.trust is Trust.DOUBTED or signs.address_is_gone
        self._was_stuck = signs.is_stuck or (self._was_stuck and self.is_silent)
        if not (is_asked and signs.path_is_open):
            self._open_since = None
        elif self._open_since is None:
            self._open_since = now
        if not signs.address_is_gone:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now

    def _note_trust(self, now: float) -> None:
        is_silent = now - self._silence.since >= DOUBT_AFTER_S
        if is_silent and self.trust is Trust.TRUSTED:
            self._set_trust(Trust.DOUBTED)
        elif not is_silent and self.trust is Trust.DOUBTED:
            self._set_trust(Trust.TRUSTED)

    def _fault(self, now: float) -> Fault | None:
        silent_s = now - self._silence.since
        open_s = 0.0 if self._open_since is None else now - self._open_since
        is_open = self._open_since is not None
        if is_open and self._gone_since is not None and now - self._gone_since >= MOVED_AFTER_S:
            return Fault(FaultKind.MOVED, "this machine's address has changed")
        if silent_s >= PEER_DEAD_AFTER_S and open_s >= OPEN_FOR_S + self._heals_within_s(silent_s - open_s):
            return Fault(FaultKind.PEER_DEAD, f"the server has not answered for {silent_s:.0f} s")
        if silent_s >= PATH_DEAD_AFTER_S:
            return Fault(FaultKind.PATH_DEAD, f"no way to the server for {silent_s:.0f} s")
        return self._hearing.fault(now)

    def _heals_within_s(self, closed_s: float) -> float:
        """How long after its path, which was closed for ``closed_s`` at most, the connection may heal."""
        return min(closed_s, STREAM_HEALS_WITHIN_S) if self._was_stuck else 0.0

    def _is_check_due(self, now: float) -> bool:
        if now - self._silence.since < CHECK_AFTER_S:
            self._checks = 0
            return False
        every_s = CHECK_EVERY_S if self._checks < CHECKS_AT_ONCE else CHECK_LATER_EVERY_S
        if self._checks and now - self._checked_at < every_s:
            return False
        self._checks += 1
        self._checked_at = now
        return True

    def _is_probe_due(self, now: float) -> bool:
        is_wanted = self.trust is Trust.DOUBTED or self._gone_since is not None
        if not is_wanted or now - self._probed_at < PATH_PROBE_EVERY_S:
            return False
        self._probed_at = now
        return True

    def _set_trust(self, new: Trust) -> None:
        if new not in TRANSITIONS[self.trust]:
            raise IllegalTransition(f"trust: {self.trust.value} -> {new.value}")
        self.trust = new


class _Silence:
    """Since when nothing has arrived."""

    def __init__(self, now: float) -> None:
        self.since = now
        self._packets: int | None = None
        self._looked_at = now

    @property
    def lasts_s(self) -> float:
        """How long it had lasted at the last look."""
        return self._looked_at - self.since

    def take(self, packets: int | None, heard_at: float | None, now: float) -> None:
        gap_s = now - self._looked_at
        self._looked_at = now
        if packets is None or packets != self._packets:
            self._packets = packets
            self.since = now if heard_at is None else heard_at
        elif gap_s > ASLEEP_AFTER_S:
            self.since += gap_s


class _Hearing:
    """Whether the sound that the server announces arrives."""

    def __init__(self, now: float, ends_are_known: bool) -> None:
        self._most_packets = 0
        self._heard_at = now
        self._excused_at = now
        self._plays_since: float | None = None
        self._owes_since: float | None = None
        self._idle_since = now
        """Since when sound has come although it does not play."""
        self._ends_are_known = ends_are_known
        """It sends sound all the time, or says when it stops: missing sound is no end that was not told."""

    def take(self, signs: Signs, silent_since: float, now: float) -> None:
        if now - silent_since >= FLOW_GAP_S:
            self._excused_at = now
        if not signs.owes_sound:
            self._owes_since = None
        elif self._owes_since is None:
            self._owes_since = now
        if signs.plays and self._plays_since is None:
            self._plays_since = now
        elif not signs.plays and self._plays_since is not None:
            self._plays_since = None
            self._idle_since = now
            self._ends_are_known = True
        if signs.sound_packets > self._most_packets:
            self._most_packets = signs.sound_packets
            self._heard_at = now
            self._ends_are_known |= self._plays_since is None and now - self._idle_since >= DEAF_AFTER_S
        elif self._plays_since is None:
            self._idle_since = now

    def fault(self, now: float) -> Fault | None:
        """Return why nothing is heard, or None."""
        if self._owes_since is not None:
            owed_s = now - max(self._owes_since, self._excused_at)
            message = f"the server has made an answer, but nothing of it has come for {owed_s:.0f} s"
            return Fault(FaultKind.DEAF, message) if owed_s >= DEAF_AFTER_S else None
        if self._plays_since is None:
            return None
        missing_s = now - max(self._plays_since, self._heard_at, self._excused_at)
        may_be_over = self._heard_at >= self._plays_since and not self._ends_are_known
        if missing_s < DEAF_AFTER_S or may_be_over:
            return None
        return Fault(
            FaultKind.DEAF, f"the server plays, but nothing to be heard has come for {missing_s:.0f} s"
        )
