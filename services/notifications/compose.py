"""Wiring of notifications. A role imports inside its function: a worker never loads gRPC, a server never nameko."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from services.kernel.errors import Refused
from services.notifications.handlers import Desk, Desks, Notices
from services.notifications.lanes import Lanes
from services.notifications.mail import Mail, Relay
from services.notifications.sending import Sending
from services.notifications.settings import NotificationSettings
from services.notifications.storage import DOCUMENTS, MongoDeliveries
from services.notifications.webhook import Webhook
from services.notifications.wording import SurveyLink, Wording
from services.profile.load import LoadedProfile, Profiles, load_all
from services.profile.schema import NoticeRule
from services.runtime import mongo
from services.runtime.clock import clock_from
from services.runtime.duty_feed import COLLECTION, DutyFeed
from services.runtime.identity import Signer
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.runtime.bus import Worker
    from services.runtime.rpc import Service


def worker(settings: Settings) -> Worker:
    """The worker; ends the process with a sentence when a template is broken."""
    from services.notifications.worker import Built, NotificationsWorker
    from services.runtime.bus import Worker

    own = NotificationSettings()
    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)
    try:
        desks = desks_of(profiles, survey_links(settings, own))
    except Refused as refused:
        raise SystemExit(refused.message) from None

    def build() -> Built:
        database = mongo.connect("notifications", settings)
        mongo.ensure_indexes(*DOCUMENTS)
        deliveries, clock = MongoDeliveries(database), clock_from(settings)
        webhook = Webhook(own.webhook_secret.get_secret_value(), own.webhook_timeout)
        lanes = Lanes({"smtp": Mail(relay_of(own)), "webhook": webhook})
        sending = Sending(deliveries, lanes, clock)
        duty = DutyFeed(database[COLLECTION], {loaded.name: loaded.roster for loaded in profiles})
        return Built(Notices(deliveries, desks, keys_of(profiles), sending), sending, clock, duty)

    return Worker(NotificationsWorker.name, NotificationsWorker, build)


def server(settings: Settings) -> Service:
    """The gRPC service."""
    from services.notifications.server import service

    database = mongo.connect("notifications", settings)
    mongo.ensure_indexes(*DOCUMENTS)
    return service(MongoDeliveries(database))


_RAISED_BY = {
    "new_fault": "ticket.linked",
    "merged_in": "ticket.linked",
    "problem_resolved": "ticket.noted",
    "merged_resolved": "ticket.noted",
    "merged_withdrawn": "ticket.noted",
    "urged_unheld": "ticket.urged",
    "step_not_done": "ticket.noted",
    "bulletin_of_parent": "ticket.noted",
}
"""Alerts that one kind of ticket event raises, whatever the lifecycle."""


def keys_of(profiles: Profiles) -> frozenset[str]:
    """Routing keys that any profile has a rule for, and those of the ticket events that can raise an alert it has."""
    return frozenset(
        key for loaded in profiles for rule in loaded.profile.notices.rules for key in _heard(rule, loaded)
    )


def _heard(rule: NoticeRule, loaded: LoadedProfile) -> Iterator[str]:
    if not rule.on.startswith("alert."):
        yield rule.on
        return
    if (raised := _RAISED_BY.get(rule.on.removeprefix("alert."))) is not None:
        yield raised
        return
    yield from ("ticket.opened", "ticket.noted")
    effects = {"count_hand_back", "count_reassignment"} if rule.on == "alert.hand_back_limit" else {"route"}
    yield from (f"ticket.{row.event}" for row in loaded.profile.transitions if effects & {*row.effects})


def desks_of(profiles: Profiles, survey_link: SurveyLink) -> Desks:
    """The desks of all profiles, their templates checked. Refused names the first broken one."""
    desks = {loaded.name: desk_of(loaded, survey_link) for loaded in profiles}

    def desk(name: str) -> Desk:
        return desks[profiles.get(name).name]

    return desk


def desk_of(loaded: LoadedProfile, survey_link: SurveyLink) -> Desk:
    """One profile as this service reads it."""
    wording = Wording(loaded.lookups, survey_link)
    wording.check()
    rules: dict[str, tuple[NoticeRule, ...]] = {}
    for rule in loaded.profile.notices.rules:
        widened = rule.model_copy(update={"when": loaded.profile.catalogue.widened(rule.when)})
        rules[rule.on] = (*rules.get(rule.on, ()), widened)
    roster = loaded.roster
    return Desk(
        name=loaded.name,
        sender=loaded.profile.notices.sender,
        people=loaded.lookups,
        wording=wording,
        rules=rules,
        on_duty=lambda role, at: roster.on_duty(at, role),
        in_hours=roster.in_hours,
    )


def survey_links(settings: Settings, own: NotificationSettings) -> Callable[[str], str]:
    """Makes the address of a task's survey page: the token is signed here, so that it never travels on the stream."""

    @cache
    def signer() -> Signer:
        return Signer.from_file(settings.token_private_key)

    def link(task_id: str) -> str:
        token = signer().sign_claims("survey", {"task": task_id}, timedelta(days=own.survey_days))
        return f"{settings.public_url.rstrip('/')}/s/{token}"

    return link


def relay_of(own: NotificationSettings) -> Relay:
    """The mail relay the settings name."""
    return Relay(
        host=own.mail_host,
        port=own.mail_port,
        security=own.mail_security,
        user=own.mail_user,
        password=own.mail_password.get_secret_value(),
        timeout=own.mail_timeout,
        domain=own.mail_domain,
    )
