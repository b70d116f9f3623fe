"""Whatever happens, in whatever order and at whatever time: what always holds of the agent."""

from __future__ import annotations

import math

from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.core import events as happened
from edge_agent.core.agent import Agent
from edge_agent.core.commands import (
    CloseLink,
    Command,
    FlushPlayout,
    Gate,
    HandOver,
    OpenLink,
    Send,
    SetCapture,
    SetUplink,
    Tell,
)
from edge_agent.core.conversation import SPEECH_LIMIT_S
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.lapse import Missed
from edge_agent.core.notices import Notice
from edge_agent.core.settings import AgentSettings, AttentionSettings, Duplex, Mode
from edge_agent.core.status import AgentState
from edge_agent.core.talk import LONGEST_TALK_S
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import ApiError, ContentPart, Item, Response, ResponseStatusDetails
from tests.core.scenes import TURN_DETECTION_ON, chance, settings

ANSWER_LIMIT_S = 15.0
PATIENCE_S = SPEECH_LIMIT_S + LONGEST_TALK_S + 4 * ANSWER_LIMIT_S
"""Longer than any wait for a person or for an answer can last when nothing happens any more."""

codes = st.sampled_from(
    [
        None,
        "session_expired",
        "insufficient_quota",
        "rate_limit_exceeded",
        "conversation_already_has_active_response",
        "response_cancel_not_active",
        "invalid_value",
    ]
)
response_ids = st.sampled_from(["", "resp_1", "resp_2", "resp_3"])
errors = st.builds(ApiError, type=st.sampled_from(["", "server_error"]), message=st.just("no"), code=codes)
items = st.builds(
    Item,
    id=st.sampled_from(["", "item_1"]),
    type=st.sampled_from(["message", "function_call", "mcp_approval_request"]),
    call_id=st.sampled_from([None, "call_1"]),
    content=st.sampled_from([(), (ContentPart(type="output_audio"),), (ContentPart(type="output_text"),)]),
)
responses = st.builds(
    Response,
    id=response_ids,
    status=st.sampled_from(["in_progress", "completed", "cancelled", "incomplete", "failed"]),
    status_details=st.none() | st.builds(ResponseStatusDetails, error=st.none() | errors),
    output=st.lists(items, max_size=2).map(tuple),
)
words = st.sampled_from(["", "the sun is shining", "what time is it"])
server_events: st.SearchStrategy[said.ServerEvent] = st.one_of(
    st.builds(said.ErrorEvent, error=errors),
    st.builds(said.ConversationItemInputAudioTranscriptionFailed, error=errors),
    st.builds(said.ConversationItemDone, item=items),
    st.just(said.InputAudioBufferSpeechStarted()),
    st.just(said.InputAudioBufferSpeechStopped()),
    st.just(said.InputAudioBufferCommitted()),
    st.just(said.InputAudioBufferCleared()),
    st.builds(said.ResponseCreated, response=responses),
    st.builds(said.ResponseDone, response=responses),
    st.builds(said.ResponseOutputAudioTranscriptDelta, response_id=response_ids),
    st.builds(said.ResponseOutputAudioTranscriptDone, transcript=words),
    st.builds(said.ConversationItemInputAudioTranscriptionCompleted, transcript=words),
    st.builds(said.OutputAudioBufferStarted, response_id=response_ids),
    st.builds(said.OutputAudioBufferStopped, response_id=response_ids),
    st.builds(said.OutputAudioBufferCleared, response_id=response_ids),
    st.builds(said.UnknownEvent, type=st.just("news")),
)
faults = st.builds(
    Fault,
    kind=st.sampled_from(FaultKind),
    message=st.just("gone"),
    code=codes,
    http_status=st.sampled_from([None, 302, 401, 404, 429, 503]),
    retry_after_s=st.none() | st.floats(0.0, 1e7),
)
agent_settings = st.builds(
    settings,
    mode=st.sampled_from(Mode),
    duplex=st.sampled_from(Duplex),
    echo_is_cancelled=st.booleans(),
    half_duplex_tail_s=st.sampled_from([0.0, 0.3]),
    answer_limit_s=st.just(ANSWER_LIMIT_S),
    conversation_idle_limit_s=st.just(60.0),
    interrupt_response=st.booleans(),
    takes_manual_turns=st.booleans(),
    detects_turns=st.booleans(),
    detection_on=st.sampled_from([{}, TURN_DETECTION_ON]),
    attention=st.builds(
        AttentionSettings,
        awake_for_s=st.sampled_from([None, 8.0, 60.0]),
        keep_warm_s=st.sampled_from([None, 0.0, 30.0]),
        refractory_s=st.sampled_from([0.0, 2.0]),
        has_sounds=st.booleans(),
    ),
    raw_events=st.booleans(),
)
waits = st.one_of(st.sampled_from([0.0, 0.01, 0.025, 0.15, 0.3]), st.floats(0.0, 2.0), st.floats(0.0, 200.0))
lifetimes = st.none() | st.sampled_from([0.5, 10.0, 3600.0])
epochs_back = st.sampled_from([0, 0, 0, 0, 1, -1])


class AnyLife(RuleBasedStateMachine):
    """A server, people and devices that do anything at all."""

    @initialize(chosen=agent_settings, now=st.floats(0.0, 1e6))
    def begin(self, chosen: AgentSettings, now: float) -> None:
        self.agent = Agent(chosen, chance)
        is_auto = chosen.duplex is Duplex.AUTO
        self.is_half_duplex = chosen.duplex is Duplex.HALF or (is_auto and not chosen.echo_is_cancelled)
        self.may_switch = is_auto and chosen.echo_is_cancelled
        self.now = now
        self.open: set[int] = set()
        self.up: set[int] = set()
        self.holder = 0
        self.epoch = 0
        self.gate: Gate | None = None
        self.capture_is_open = True
        self.is_sounding = False
        self.obey(self.agent.start(now))

    # -- the world ---------------------------------------------------------------------------------

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            self.obey_one(command)

    def obey_one(self, command: Command) -> None:
        match command:
            case OpenLink(epoch=epoch):
                assert not self.open or self.open == {self.holder}, "a session and its successor at most"
                assert epoch > self.epoch, "epochs are never used again"
                self.open.add(epoch)
                self.epoch = epoch
            case HandOver(epoch=epoch):
                assert epoch in self.open & self.up, "only who is up can take over"
                assert epoch > self.holder, "nobody gets it back"
                self.holder = epoch
            case CloseLink(epoch=epoch):
                assert epoch in self.open
                self.open.remove(epoch)
            case Send(epoch=epoch, event=event):
                assert epoch in self.open & self.up, "nothing is sent on a stale session, or before it is up"
                assert not isinstance(event, ask.InputAudioBufferAppend)
            case SetUplink(gate=gate, since=since):
                assert gate is not self.gate, "told only when it changes"
                assert since is None or (gate is Gate.OPEN and since <= self.now)
                self.gate = gate
            case SetCapture(open=is_open):
                assert is_open != self.capture_is_open
                self.capture_is_open = is_open
            case FlushPlayout():
                self.is_sounding = False
            case Tell(notice=Notice.HEARS_ITSELF):
                self.is_half_duplex = self.may_switch
            case Tell(notice=Notice.FULL_DUPLEX_AGAIN):
                assert self.is_half_duplex
                self.is_half_duplex = False

    def happen(self, event: happened.Event) -> None:
        revision, status, deadline = self.agent.revision, self.agent.status, self.agent.next_deadline()
        self.obey(self.agent.handle(event, self.now))
        if self.agent.revision == revision:
            assert self.agent.status == status, "it may be shown that nothing has changed"
            assert (self.agent.next_deadline() or math.inf) >= (deadline or math.inf), "nobody looks again"
        self.catch_up()

    def catch_up(self) -> None:
        """Do as the runner does when a deadline has passed: tick, and that has to settle it."""
        deadline = self.agent.next_deadline()
        if deadline is not None and deadline <= self.now:
            self.obey(self.agent.tick(self.now))
            after = self.agent.next_deadline()
            assert after is None or after > self.now, "the loop would spin"

    # -- what may happen ---------------------------------------------------------------------------

    @rule(wait_s=waits)
    def time_passes(self, wait_s: float) -> None:
        until = self.now + wait_s
        while (deadline := self.agent.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.catch_up()
        self.now = until

    @rule(wait_s=waits)
    def the_loop_stalls(self, wait_s: float) -> None:
        self.now += wait_s
        self.catch_up()

    @rule(session_id=st.sampled_from(["", "sess_1"]), lifetime_s=lifetimes, back=epochs_back)
    def link_up(self, session_id: str, lifetime_s: float | None, back: int) -> None:
        epoch = self.epoch - back
        if epoch in self.open:
            self.up.add(epoch)
        self.happen(happened.LinkUp(epoch, session_id, lifetime_s))

    @rule(fault=faults, back=epochs_back)
    def link_down(self, fault: Fault, back: int) -> None:
        epoch = self.epoch - back
        self.open.discard(epoch)
        self.happen(happened.LinkDown(epoch, fault))

    @rule(is_doubted=st.booleans(), back=epochs_back)
    def link_is_doubted(self, is_doubted: bool, back: int) -> None:
        epoch = self.epoch - back
        self.happen(happened.LinkDoubted(epoch) if is_doubted else happened.LinkTrusted(epoch))

    @rule(is_lapsed=st.booleans(), was_sent=st.booleans(), back=epochs_back)
    def link_lapses(self, is_lapsed: bool, was_sent: bool, back: int) -> None:
        epoch, missed = self.epoch - back, Missed(self.now - 3.0, was_sent)
        self.happen(happened.LinkLapsed(epoch) if is_lapsed else happened.LinkMended(epoch, missed))

    @rule(back=epochs_back)
    def link_stirs(self, back: int) -> None:
        self.happen(happened.LinkStirred(self.epoch - back))

    @rule()
    def microphone_pauses(self) -> None:
        self.happen(happened.MicrophonePaused())

    @rule()
    def network_changes(self) -> None:
        self.happen(happened.NetworkChanged())

    @precondition(lambda self: self.up)
    @rule(event=server_events, back=epochs_back)
    def server_says(self, event: said.ServerEvent, back: int) -> None:
        epoch = self.epoch - back
        if epoch != self.holder or epoch not in self.open:
            heard = self.agent.handle(happened.ServerSaid(epoch, event), self.now)
            assert heard == [], "nobody acts on what another session says"
        else:
            self.happen(happened.ServerSaid(epoch, event))

    @rule()
    def sound_starts(self) -> None:
        self.is_sounding = True
        self.happen(happened.SoundStarted(self.now - 1.0))

    @rule()
    def sound_ends(self) -> None:
        self.is_sounding = False
        self.happen(happened.SoundEnded())

    @rule(likeness=st.none() | st.floats(0.0, 1.0))
    def echo_is_measured(self, likeness: float | None) -> None:
        self.happen(happened.EchoMeasured(likeness))

    @rule(button=st.sampled_from(["talk", "side", "doorbell"]), pressed=st.booleans())
    def edge(self, button: str, pressed: bool) -> None:
        self.happen(happened.ButtonPressed(button) if pressed else happened.ButtonReleased(button))

    @rule(event=st.sampled_from([happened.WakeWordHeard("Okay Nabu"), happened.VoiceHeard()]))
    def the_device_hears_itself(self, event: happened.Event) -> None:
        self.happen(event)

    @rule(muted=st.booleans())
    def mute(self, muted: bool) -> None:
        self.happen(happened.MuteRequested(muted))

    @rule(device=st.sampled_from(happened.Device), lost=st.booleans())
    def device(self, device: happened.Device, lost: bool) -> None:
        if lost and device is happened.Device.LOUDSPEAKER:
            self.is_sounding = False
        self.happen(happened.DeviceLost(device, "unplugged") if lost else happened.DeviceBack(device))

    @rule()
    def raw_event(self) -> None:
        self.happen(happened.RawEventRequested({"type": "session.wrong"}))

    @rule()
    def nothing_happens_for_long(self) -> None:
        """Time alone ends every wait for a person or a server."""
        self.sound_ends()
        self.time_passes(PATIENCE_S)
        assert self.agent.status.state not in (
            AgentState.LISTENING,
            AgentState.THINKING,
            AgentState.SPEAKING,
        )

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def deadlines_are_moments(self) -> None:
        deadline = self.agent.next_deadline()
        assert deadline is None or (math.isfinite(deadline) and deadline > self.now)

    @invariant()
    def muted_means_deaf(self) -> None:
        assert self.capture_is_open or self.gate is Gate.CLOSED

    @invariant()
    def asleep_means_that_nobody_is_heard(self) -> None:
        assert self.agent.status.state is not AgentState.ASLEEP or self.gate is not Gate.OPEN

    @invariant()
    def nobody_is_heard_without_a_session(self) -> None:
        assert self.gate is not Gate.OPEN or self.holder in self.open

    @invariant()
    def the_microphone_is_with_the_session_that_is_up(self) -> None:
        assert len(self.open) <= 2
        assert (self.agent.status.session_id == "") or self.holder in self.open
        if len(self.open) == 2:
            assert self.holder in self.open

    @invariant()
    def half_duplex_does_not_hear_itself(self) -> None:
        is_deaf = self.gate in (Gate.CLOSED, Gate.KEEPING)
        if self.is_half_duplex and self.is_sounding and not is_deaf:
            assert self.agent._dialogue._talk.is_held


AnyLife.TestCase.settings = effort(
    max_examples=100, stateful_step_count=60, deadline=None, derandomize=True, database=None
)
TestAnyLife = AnyLife.TestCase
