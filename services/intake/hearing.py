"""What the worker does with a batch of the stream: drafts to receipts, call events to contacts, faults to refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import CallEvent, RequestDraft
from services.intake.channels.phone import phase_of, recorded, words_from
from services.intake.drafts import channel_name
from services.intake.handlers import Calls, Incoming, Profiles, Reception, TurnedAway
from services.intake.model import CallWords, Contact
from services.intake.policy import EARLIEST
from services.intake.says import contact_recorded, faults_of, refusal, request_refused
from services.intake.storage import said_of
from services.kernel.clock import Clock
from services.kernel.errors import Fault, Missing, Refused
from services.runtime import telemetry
from services.runtime.message import Heard, Said

_taken = telemetry.counter("deskstream_intake_requests", "Drafts by channel and outcome")


class Hearing:
    """Owns nothing; every batch is heard from start to end, and a second time with the same result."""

    def __init__(self, reception: Reception, calls: Calls, profiles: Profiles, clock: Clock) -> None:
        self._reception = reception
        self._calls = calls
        self._profiles = profiles
        self._clock = clock

    def hear(self, batch: Sequence[Heard]) -> list[Said]:
        """What is to be said; messages that are refused are marked so and parked by the bus (once, with the reason)."""
        calls = [heard for heard in batch if heard.key.startswith("call.")]
        drafts = [heard for heard in batch if not heard.key.startswith("call.")]
        said = [*self._requests(drafts), *self._contacts(calls)]
        return list({one.id: one for one in said}.values())

    def _requests(self, batch: Sequence[Heard]) -> list[Said]:
        now, said = self._clock.now(), []
        sound: list[tuple[Heard, Incoming]] = []
        for heard in batch:
            channel = heard.key.removeprefix("request.submitted").lstrip(".")
            draft = RequestDraft()
            try:
                draft = heard.decode(RequestDraft)
                _agree(draft, channel)
            except Refused as refused:
                said.append(self._turn_away(heard, channel, draft, faults_of(refused)))
                continue
            at = heard.time if heard.time > EARLIEST else now
            sound.append((heard, Incoming(draft, at, cause=heard.id, actor=heard.actor or heard.source)))
        outcomes = self._reception.take([incoming for _, incoming in sound], now) if sound else []
        for (heard, _), outcome in zip(sound, outcomes, strict=True):
            if isinstance(outcome, TurnedAway):
                channel = channel_name(outcome.draft.channel)
                said.append(self._turn_away(heard, channel, outcome.draft, outcome.faults))
            else:
                # Also when it is a repetition: the process that stored it may have died before it said so.
                said.append(replace(said_of(outcome.receipt), traceparent=heard.traceparent))
                channel = outcome.receipt.key.rpartition(".")[2]
                _taken.add(1, {"channel": channel, "outcome": "repeated" if outcome.repeated else "taken"})
        return said

    def _turn_away(self, heard: Heard, channel: str, draft: RequestDraft, faults: tuple[Fault, ...]) -> Said:
        heard.refuse(refusal(faults))
        _taken.add(1, {"channel": channel[:20], "outcome": "refused"})
        return request_refused(channel[:20], draft, faults, heard.id, self._clock.now())

    def _contacts(self, batch: Sequence[Heard]) -> list[Said]:
        now = self._clock.now()
        words: list[CallWords] = []
        causes: dict[str, str] = {}
        for heard in batch:
            try:
                event = heard.decode(CallEvent)
                if phase_of(event) and heard.key != f"call.{phase_of(event)}":
                    raise Refused(f"The key {heard.key} and the phase {phase_of(event)} disagree.", field="phase")
                one = words_from(event, now)
                self._profile_known(event.profile)
            except Refused as refused:
                heard.refuse(refused)
                continue
            words.append(one)
            causes[one.call_id] = heard.id
        contacts = self._calls.hear(words) if words else []
        return [self._recorded(contact, causes.get(contact.id, "")) for contact in contacts]

    def _profile_known(self, name: str) -> None:
        try:
            self._profiles.get(name)
        except Missing as missing:
            raise Refused(missing.message, field="profile") from None

    def _recorded(self, contact: Contact, cause: str) -> Said:
        profile = self._profiles.get(contact.text("profile"))
        body = recorded(contact, profile.name, profile.profile.callback)
        return contact_recorded(body, max(contact.times.values()), cause)


def _agree(draft: RequestDraft, channel: str) -> None:
    """The channel in the key and in the draft are one; either may leave it to the other."""
    if channel and draft.channel == Channel.CHANNEL_UNSPECIFIED:
        name = f"CHANNEL_{channel.upper()}"
        draft.channel = Channel.Value(name) if name in Channel.keys() else draft.channel  # noqa: SIM118 - no mapping
    elif channel and channel != channel_name(draft.channel):
        raise Refused(
            f"The key says {channel} and the draft {channel_name(draft.channel)}; let them agree.", field="channel"
        )
