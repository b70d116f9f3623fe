"""What is said to the server and what is heard from it: turns, the talk button and the loudspeaker together.

It composes :mod:`~edge_agent.core.conversation`, :mod:`~edge_agent.core.talk`,
:mod:`~edge_agent.core.request`, :mod:`~edge_agent.core.lost_answer` and :mod:`~edge_agent.core.breaker`. Of
the connection it knows only that events come and go; whether there is one to send on is the agent's business.
"""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.core import reports, tools
from edge_agent.core.audible import Audible
from edge_agent.core.breaker import Breaker
from edge_agent.core.commands import FlushPlayout, MeasureEcho, Tell
from edge_agent.core.conversation import Conversation, TurnAnswered
from edge_agent.core.lapse import Missed
from edge_agent.core.lost_answer import LostAnswer
from edge_agent.core.own_voice import ECHO_LAG_S, OwnVoice
from edge_agent.core.request import ALREADY_ACTIVE, Request, RequestState
from edge_agent.core.settings import AgentSettings, TurnTaking
from edge_agent.core.status import Turn
from edge_agent.core.talk import Talk
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said
from edge_agent.protocol.client_events import ClientEvent
from edge_agent.protocol.objects import ApiError, Response

Reply = ClientEvent | FlushPlayout | MeasureEcho | Tell
"""What the dialogue answers to anything: events for the server, and commands, in their order."""


class Dialogue:
    """One device's side of the conversation, over all sessions of a run."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._turns = settings.turn_taking[0]
        self._conversation = Conversation(settings.answer_limit_s, Audible(settings.half_duplex_tail_s))
        self._own_voice = OwnVoice()
        self._breaker = Breaker(settings)
        self._talk = Talk(settings)
        self._request = Request()
        self._lost_answer = LostAnswer()
        self._tool_rounds = 0
        self.unanswered_turns = 0
        """Turns in a row that this session has left without an answer."""

    @property
    def turn(self) -> Turn:
        """Whose turn it is; a person who holds the talk button has it unless an answer still sounds."""
        turn = self._conversation.turn
        return Turn.PERSON if self._talk.is_held and turn is not Turn.AGENT else turn

    @property
    def is_open(self) -> bool:
        """Whether the device listens: always, in a conversation, or because the talk button is held."""
        return self._talk.wants_sound

    @property
    def response_id(self) -> str:
        """The response that is heard or being made; ``""`` if there is none."""
        return self._conversation.response_id

    @property
    def is_idle(self) -> bool:
        """Whether nobody speaks, is heard, is answered, or has asked for an answer."""
        is_due = self._request.state is not RequestState.NONE or self._lost_answer.is_waiting
        return self.turn is Turn.NOBODY and not is_due

    def owes_answer(self, now: float) -> bool:
        """Whether a session that ends now leaves somebody without an answer, or with its first word alone."""
        return self._lost_answer.is_owed(self.turn, now)

    @property
    def wants_sound(self) -> bool:
        """Whether the microphone's gate is to be open now.

        In half duplex it is closed while the room is filled with an answer, unless a person talks over it on
        purpose (talk button) or was heard to (the server detected speech and the answer was stopped for it).
        """
        if self._talk.is_held:
            return True
        may_hear = not self._breaker.is_half or self.turn is Turn.PERSON
        return self._talk.wants_sound and (may_hear or not self._conversation.audible.fills_room)

    @property
    def would_hear_itself(self) -> bool:
        """Whether an open microphone would hear an answer now, whatever the server says, and is not to."""
        return not self.wants_sound and self._conversation.audible.rings

    def next_deadline(self) -> float | None:
        """When :meth:`tick` or :meth:`finish_talk` has something to do, or None."""
        parts = (self._conversation, self._talk, self._own_voice, self._breaker, self._lost_answer)
        deadlines = [*(part.next_deadline() for part in parts), self._idle_deadline()]
        return min((at for at in deadlines if at is not None), default=None)

    def tick(self, now: float) -> list[Reply]:
        """Apply the limits of waiting: for answers, for somebody to speak, and for full duplex."""
        replies: list[Reply] = [*self._breaker.tick(now), *self._own_voice.tick(now)]
        is_sounding = self._conversation.audible.sounded_within(0.0, now)
        replies += self._ask_again(self._lost_answer.tick(now, is_sounding=is_sounding), now)
        if self._conversation.tick(now):
            self._request.settled()
            self.unanswered_turns += 1
            replies += [reports.no_answer(self._settings.answer_limit_s), ask.ResponseCancel()]
        idle_at = self._idle_deadline()
        if idle_at is not None and now >= idle_at:
            replies += self._talk.toggle_conversation()
        return replies

    # -- the session -------------------------------------------------------------------------------

    def session_opened(self, turns: TurnTaking, now: float) -> list[Reply]:
        """A new session is open, with ``turns`` taken so; its server listens unless it is told not to."""
        self._turns = turns
        self._conversation.touch(now)
        return [*self._talk.link_up(turns)]

    def session_renewed(self, turns: TurnTaking) -> list[Reply]:
        """Another session follows at an idle moment, and the conversation goes on as if it were the same."""
        self._turns = turns
        self._begin_anew(self._conversation.last_activity_at)
        return [*self._talk.link_up(turns)]

    def session_ended(self, now: float) -> list[Reply]:
        """The session is over, and nothing of it crosses over: what it said last is not played to its end.

        Who holds the talk button goes on: what is said meanwhile is held for the next session.
        """
        self._conversation.cut_off(now)
        self._begin_anew(now)
        if self._talk.is_held and self._turns.takes_manual_turns:
            self._conversation.person_spoke(now)
        return [FlushPlayout()]

    def _begin_anew(self, last_activity_at: float) -> None:
        """Forget what was said by its ids: the next session has others."""
        self._conversation = self._conversation.successor(last_activity_at)
        self._own_voice = OwnVoice()
        self._request.settled()
        self._lost_answer.forget()
        self._tool_rounds = 0
        self.unanswered_turns = 0

    def lapse(self, now: float) -> None:
        """What is said, and what is answered, may not arrive from now on."""
        self._lost_answer.lapse(self.turn, now)

    def mend(self, missed: Missed, now: float) -> list[Reply]:
        """It arrives again. An answer whose beginning nobody has heard is not heard to its end either."""
        is_broken = self._lost_answer.mend(now, was_lost=missed.was_sent)
        return self._stop_answer(now) if is_broken else []

    def _ask_again(self, item_ids: Iterable[str], now: float) -> list[Reply]:
        """Ask for an answer that nobody has heard, in place of the items that it was, if any."""
        deleted = [ask.ConversationItemDelete(item_id=item_id) for item_id in item_ids]
        if not deleted:
            return []
        self._request.sent()
        self._conversation.expect_again(now)
        return [*deleted, ask.ResponseCreate()]

    # -- the server --------------------------------------------------------------------------------

    def server_said(self, event: said.ServerEvent, now: float) -> list[Reply]:
        """Follow one event of the server and return what it calls for."""
        replies: list[Reply] = []
        self._lost_answer.see(event, now)
        if (own_response_id := self._own_voice.written_down(event)) is not None:
            replies += self._heard_itself(own_response_id, now)
        match event:
            case said.InputAudioBufferSpeechStarted(item_id=item_id):
                replies += self._speech_started(item_id, now)
            case said.OutputAudioBufferCleared(response_id=response_id):
                replies += self._cleared(response_id, now)
            case said.ResponseCreated() if self._is_unwanted(now):
                return [ask.ResponseCancel(), ask.OutputAudioBufferClear()]
            case said.ResponseCreated():
                self._request.settled()
            case said.OutputAudioBufferStarted(response_id=response_id):
                self._conversation.see(event, now)
                return self._answered(self._conversation.explain_sound(response_id))
            case said.ResponseDone(response=response):
                self._conversation.see(event, now)
                return self._response_done(response, now)
            case said.ConversationItemDone(item=item):
                replies += tools.refuse_approval(item)
            case said.ErrorEvent(error=ApiError(name=name)) if name == ALREADY_ACTIVE:
                self._request.refused()
        self._conversation.see(event, now)
        return replies

    def text_grew(self, piece: said.TextPiece, now: float) -> None:
        """Take note of some more text, of an answer or of what a person said."""
        self._own_voice.text_grew(piece)
        self._conversation.text_grew(piece, now)

    def echo_measured(self, likeness: float | None, now: float) -> list[Reply]:
        """The microphone's sound was so alike to the loudspeaker's (0 to 1; None: nobody measures it)."""
        own_response_id = self._own_voice.measured(likeness)
        return [] if own_response_id is None else self._heard_itself(own_response_id, now)

    def _speech_started(self, item_id: str, now: float) -> list[Reply]:
        """A person begins to speak, or the agent hears itself: the server can't tell them apart."""
        response_id = self._conversation.response_id
        can_be_own = (
            self._conversation.audible.sounded_within(ECHO_LAG_S, now)
            and not self._breaker.is_half
            and not self._talk.is_held
        )
        if can_be_own:
            self._own_voice.suspect(item_id, response_id, now)
        return self._barge_in(now) if self._settings.interrupt_response else []

    def _heard_itself(self, response_id: str, now: float) -> list[Reply]:
        return [reports.heard_itself(response_id), *self._breaker.heard_itself(now)]

    def _barge_in(self, now: float) -> list[Reply]:
        self._request.settled()
        if not self._conversation.audible.is_audible:
            return []
        response_id = self._conversation.response_id
        self._conversation.cut_off(now)
        return [FlushPlayout(), reports.interrupted(response_id)]

    def _cleared(self, response_id: str, now: float) -> list[Reply]:
        """Flush only for the answer that is heard: a late event of an older one must stop nothing."""
        if self._conversation.audible.newest_id != response_id:
            return []
        self._conversation.cut_off(now)
        return [FlushPlayout()]

    def _is_unwanted(self, now: float) -> bool:
        """Whether a response that begins now answers something that a person has since taken back.

        Where the server itself detects the turns of somebody who holds the talk button, it may answer.
        """
        is_held = self._talk.is_held and self._turns.takes_manual_turns
        return is_held or self._conversation.is_refused(now)

    def _response_done(self, response: Response, now: float) -> list[Reply]:
        answers = tools.answer_calls(response)
        self._tool_rounds = self._tool_rounds + 1 if answers else 0
        goes_on = bool(answers) and response.status == "completed" and self._tool_rounds <= tools.ROUNDS_LIMIT
        is_retry = self._request.response_done()
        if response.status == "completed" and self.turn is Turn.NOBODY:
            self.unanswered_turns = 0  # an answer without sound is one, too
        is_asked = self._request.is_outstanding and not is_retry
        if is_asked or not (goes_on or is_retry):
            return [*answers]
        if not is_retry:
            self._request.sent()
        self._conversation.expect_answer(now)
        return [*answers, ask.ResponseCreate()]

    # -- the loudspeaker ---------------------------------------------------------------------------

    def sound_started(self, voice_ended_at: float | None, now: float) -> list[Reply]:
        """The loudspeaker became audible; the person's voice ended at ``voice_ended_at``, if known."""
        self._breaker.sound_started(now)
        replies = self._answered(self._conversation.sound_started(voice_ended_at, now))
        return [*replies, *self._stop_answer(now)] if self._lost_answer.sound_started(now) else replies

    def sound_ended(self, now: float) -> None:
        """The loudspeaker has fallen silent."""
        self._breaker.sound_ended(now)
        self._lost_answer.sound_ended(now)
        self._conversation.sound_ended(now)

    def _answered(self, answer: TurnAnswered | None) -> list[Reply]:
        if answer is None:
            return []
        self.unanswered_turns = 0
        return [reports.answered(answer)]

    # -- people ------------------------------------------------------------------------------------

    def talk(self, now: float) -> list[Reply]:
        """The talk button went down: any answer is stopped, and the person has the floor."""
        replies = [*self.interrupt(now), *self._talk.press(now)]
        if self._turns.takes_manual_turns:
            self._conversation.person_spoke(now)
        return replies

    def end_talk(self, now: float) -> list[Reply]:
        """The talk button went up after a hold."""
        return self._after_talk(self._talk.release(now), now) if self._talk.is_held else []

    def take_back_talk(self, now: float) -> list[Reply]:
        """The talk button was only tapped."""
        return self._after_talk(self._talk.take_back(now), now) if self._talk.is_held else []

    def finish_talk(self, now: float) -> list[Reply]:
        """Hand over what was said with the talk button, if that is due."""
        was_held = self._talk.is_held
        events = self._talk.tick(now)
        if was_held and not self._talk.is_held and self._turns.takes_manual_turns:
            self._conversation.person_stopped(now)
        if any(isinstance(event, ask.ResponseCreate) for event in events):
            self._request.sent()
            self._conversation.expect_answer(now)
        return [*events]

    def set_late(self, is_late: bool, now: float) -> None:
        """Say whether the server hears what is said later than that, or not yet."""
        self._talk.set_late(is_late, now)

    def toggle_conversation(self, now: float) -> list[Reply]:
        """Start or end a conversation; an answer is stopped either way."""
        return [*self.interrupt(now), *self._talk.toggle_conversation()]

    def interrupt(self, now: float) -> list[Reply]:
        """A person wants no answer any more: stop the one there is."""
        self._lost_answer.forget()
        return self._stop_answer(now)

    def _stop_answer(self, now: float) -> list[Reply]:
        """Stop it: its making first, then the server's buffer, then ours (protocol order)."""
        audible = self._conversation.audible
        is_made = self._conversation.active_response_id is not None
        replies: list[Reply] = [ask.ResponseCancel()] if is_made else []
        if is_made or audible.may_be_at_server:
            replies.append(ask.OutputAudioBufferClear())
        if is_made or audible.is_audible:
            replies.append(FlushPlayout())
        self._request.settled()
        self._conversation.cut_off(now)
        self._conversation.refuse_answer(now)
        return replies

    def stop_listening(self, now: float) -> list[Reply]:
        """Muted: what was heard of an utterance is not to be used."""
        self._conversation.person_stopped(now)
        return [*self._talk.forget()]

    def _after_talk(self, events: Iterable[ClientEvent], now: float) -> list[Reply]:
        if self._turns.takes_manual_turns:
            self._conversation.person_stopped(now)
        return [*events]

    def _idle_deadline(self) -> float | None:
        """When a conversation that a button began ends by itself."""
        if not self._talk.may_idle_out or self.turn is not Turn.NOBODY:
            return None
        return self._conversation.last_activity_at + self._settings.conversation_idle_limit_s
