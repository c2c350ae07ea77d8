"""What the processes of intake are made of; imports are lazy per role (architecture decision 1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.intake.settings import IntakeSettings
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.intake.desk import Desk
    from services.intake.handlers import Reception
    from services.intake.hearing import Hearing
    from services.intake.storage import MongoReceipts
    from services.profile.load import Profiles
    from services.runtime.bus import Worker
    from services.runtime.rpc import Service


def own(settings: Settings) -> IntakeSettings:
    """Intake's settings: those given, with its own read from the environment."""
    if isinstance(settings, IntakeSettings):
        return settings
    return IntakeSettings().model_copy(update=settings.model_dump())


def profiles_of(settings: Settings) -> Profiles:
    """The rule books this installation serves."""
    from services.profile.load import load_all

    return load_all(settings.policy_dir, settings.profile_names, settings.default_profile)


def reception(settings: IntakeSettings, profiles: Profiles) -> tuple[Reception, MongoReceipts]:
    """What takes drafts, on its own database with its indexes."""
    from services.intake.handlers import Reception
    from services.intake.numbers import Numbers
    from services.intake.storage import ContactDocument, MongoCounters, MongoReceipts, ReceiptDocument
    from services.runtime.message import event_id
    from services.runtime.mongo import connect, ensure_indexes

    database = connect("intake", settings)
    ensure_indexes(ReceiptDocument, ContactDocument)
    receipts = MongoReceipts(database)
    numbers = Numbers(MongoCounters(database), settings.number_block)
    return Reception(profiles, receipts, numbers, event_id), receipts


def hearing(settings: Settings) -> Hearing:
    """What the worker hears with."""
    from services.intake.handlers import Calls
    from services.intake.hearing import Hearing
    from services.intake.storage import MongoContacts
    from services.runtime.clock import clock_from
    from services.runtime.mongo import connect

    mine = own(settings)
    profiles = profiles_of(mine)
    takes, _ = reception(mine, profiles)
    return Hearing(takes, Calls(MongoContacts(connect("intake", mine))), profiles, clock_from(mine))


def worker(settings: Settings) -> Worker:
    """The worker that turns drafts and calls into receipts and contacts."""
    from services.intake.worker import IntakeWorker
    from services.runtime.bus import Worker

    return Worker(IntakeWorker.name, IntakeWorker, lambda: hearing(settings))


def desk(settings: IntakeSettings, profiles: Profiles) -> Desk:
    """What takes requests of those who wait for the answer; its relay runs."""
    from services.intake.desk import Desk
    from services.runtime.clock import clock_from
    from services.runtime.publisher import Publisher

    takes, receipts = reception(settings, profiles)
    clock = clock_from(settings)
    made = Desk(takes, receipts, Publisher(settings.amqp_uri, source="deskstream/intake", clock=clock), clock)
    made.start_relay(settings.relay_seconds)
    return made


def server(settings: Settings) -> Service:
    """IntakeService."""
    from services.intake import catalogue_server
    from services.intake.channels.dingtalk import DingTalkCrypto
    from services.intake.hooks import Hooks
    from services.intake.server import ALLOW, NAME, Servicer, add
    from services.runtime.rpc import Service

    mine = own(settings)
    profiles = profiles_of(mine)
    takes = desk(mine, profiles)
    crypto = None
    if mine.dingtalk_owner:
        try:
            token, key = mine.dingtalk_token.get_secret_value(), mine.dingtalk_aes_key.get_secret_value()
            crypto = DingTalkCrypto(token, key, mine.dingtalk_owner)
        except ValueError as wrong:
            raise SystemExit(f"DESKSTREAM_DINGTALK_AES_KEY cannot be used: {wrong}.") from None
    hooks = Hooks(
        takes,
        profiles,
        lambda: datetime.now(UTC),
        pbx_secret=mine.pbx_secret.get_secret_value(),
        dingtalk=crypto,
        dingtalk_profile=mine.dingtalk_profile,
    )
    beside = (catalogue_server.service(profiles),)
    return Service(add, Servicer(takes, hooks, profiles), NAME, ALLOW, close=takes.close, beside=beside)


def smtp(settings: Settings) -> None:
    """The mail door from start to end: listens, says so on one line, ends on TERM."""
    import threading

    from services.intake.attachments import Attachments
    from services.intake.channels.mail_reader import MailReader
    from services.intake.smtp import MailDoor, open_door
    from services.runtime import telemetry

    mine = own(settings)
    profiles = profiles_of(mine)
    takes = desk(mine, profiles)
    files = Attachments(mine.attachments_dir, mine.attachments_max_bytes)
    door = MailDoor(takes, MailReader(), files, addresses_of(mine, profiles))
    controller = open_door(door, mine.smtp_bind)
    telemetry.probes.add("smtp", lambda: True)
    print(f"ready intake smtp {mine.smtp_bind.rpartition(':')[2]}", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        controller.stop()
        door.close()
        takes.close()


def addresses_of(settings: IntakeSettings, profiles: Profiles) -> dict[str, str]:
    """Mail address to profile: each profile's contact point "email", then those of the settings."""
    known = {
        one.profile.contact_points["email"].lower(): one.name
        for one in profiles
        if "email" in one.profile.contact_points
    }
    for pair in filter(None, (text.strip() for text in settings.smtp_addresses.split(","))):
        address, _, name = pair.partition("=")
        known[address.strip().lower()] = profiles.get(name.strip()).name
    return known
