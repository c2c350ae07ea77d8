"""Sign in, profile versions: the same story on memory and on the real database."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.contracts.deskstream.v1.directory_pb2 import DirectoryEvent
from services.directory.announcing import Announcer
from services.directory.handlers import People, SignIn, apply_profiles, mark_told, read_profile, set_password
from services.directory.passwords import hash_password, is_right
from services.directory.policy import MOST_FAILURES, WINDOW
from services.kernel.clock import FixedClock
from services.kernel.errors import Missing, Refused
from services.profile.load import LoadedProfile, Profiles, load, restore
from services.runtime.message import Said
from tests.profile.folders import POLICY

NOW = datetime(2025, 3, 12, 2, tzinfo=UTC)
PASSWORD = "correct horse 电池"
ITSS = load(POLICY / "itss_desk")
PROFILES = Profiles([ITSS, load(POLICY / "generic_desk")])
PEOPLE = People(PROFILES)
HASHED = hash_password(PASSWORD)


def another_version(loaded: LoadedProfile, change: str = "A stricter response.") -> LoadedProfile:
    facets = json.loads(json.dumps(loaded.facets))
    facets["profile"]["document"]["change"] = change
    return restore(facets)


@pytest.fixture
def door(stores: Any) -> SignIn:
    """Li Wei has a password, nobody else."""
    set_password(PEOPLE, stores.credentials, "li.wei", HASHED, NOW)
    return SignIn(PEOPLE, stores.credentials, is_right)


def refusal(door: SignIn, person: str, password: str, now: datetime = NOW) -> str:
    with pytest.raises(Refused) as refused:
        door.sign_in(person, password, now)
    assert refused.value.code == "unauthenticated"
    return refused.value.message


def test_the_right_password_gives_the_person(door: SignIn) -> None:
    assert door.sign_in("li.wei", PASSWORD, NOW).name == "李伟"


def test_wrong_password_unknown_person_and_no_password_are_refused_in_the_same_words(door: SignIn) -> None:
    told = {
        refusal(door, "li.wei", "wrong"),
        refusal(door, "nobody", PASSWORD),
        refusal(door, "zhou.min", PASSWORD),
        refusal(door, "zhou.min", ""),
        refusal(door, "li.wei", "x" * 100_000),
        refusal(door, "$where", PASSWORD),
    }
    assert len(told) == 1


def test_after_five_wrong_passwords_even_the_right_one_rests_for_a_quarter_of_an_hour(door: SignIn) -> None:
    for second in range(MOST_FAILURES):
        refusal(door, "li.wei", "wrong", NOW + timedelta(seconds=second))
    refusal(door, "li.wei", PASSWORD, NOW + timedelta(minutes=1))
    refusal(door, "li.wei", PASSWORD, NOW + WINDOW - timedelta(seconds=1))
    assert door.sign_in("li.wei", PASSWORD, NOW + WINDOW).id == "li.wei"


def test_trying_while_it_rests_does_not_lengthen_it(door: SignIn) -> None:
    for minute in range(14):
        refusal(door, "li.wei", "wrong", NOW + timedelta(minutes=minute))
    assert door.sign_in("li.wei", PASSWORD, NOW + WINDOW).id == "li.wei"


def test_the_right_password_in_time_forgives_the_wrong_ones(door: SignIn) -> None:
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            refusal(door, "li.wei", "wrong")
        door.sign_in("li.wei", PASSWORD, NOW)


def test_one_persons_failures_do_not_shut_out_another(door: SignIn, stores: Any) -> None:
    set_password(PEOPLE, stores.credentials, "zhou.min", HASHED, NOW)
    for _ in range(MOST_FAILURES):
        refusal(door, "zhou.min", "wrong")
    assert door.sign_in("li.wei", PASSWORD, NOW).id == "li.wei"


def test_a_new_password_ends_the_rest_and_the_old_one(door: SignIn, stores: Any) -> None:
    for _ in range(MOST_FAILURES):
        refusal(door, "li.wei", "wrong")
    set_password(PEOPLE, stores.credentials, "li.wei", hash_password("another one"), NOW)
    refusal(door, "li.wei", PASSWORD)
    assert door.sign_in("li.wei", "another one", NOW).id == "li.wei"


def test_many_guesses_at_once_are_not_more_guesses(stores: Any) -> None:
    looked: list[str] = []
    set_password(PEOPLE, stores.credentials, "li.wei", HASHED, NOW)

    def compare(stored: str | None, password: str) -> bool:
        looked.append(password)
        return False

    door = SignIn(PEOPLE, stores.credentials, compare)
    guesses = [threading.Thread(target=_guess, args=(door,)) for _ in range(12)]
    for guess in guesses:
        guess.start()
    for guess in guesses:
        guess.join(30)
    assert stores.credentials.attempts("li.wei").failures == MOST_FAILURES


def _version(said: Said) -> str:
    assert isinstance(said.body, DirectoryEvent)
    return said.body.version


def _guess(door: SignIn) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - refused or, under contention, unavailable: never signed in.
        door.sign_in("li.wei", "a guess", NOW)


def test_nobody_outside_the_directory_gets_a_password(stores: Any) -> None:
    with pytest.raises(Missing):
        set_password(PEOPLE, stores.credentials, "intruder", HASHED, NOW)


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(Refused, match="8 to 256"):
        hash_password(password)


def test_a_stored_hash_is_salted_argon2id_and_never_the_password() -> None:
    assert HASHED.startswith("$argon2id$")
    assert PASSWORD not in HASHED
    assert hash_password(PASSWORD) != HASHED


def test_applying_the_same_version_again_says_nothing_once_it_was_told(stores: Any) -> None:
    owed = apply_profiles([ITSS], stores.profiles, NOW)
    assert [(each.name, each.version) for each in owed] == [("itss_desk", ITSS.version)]
    mark_told(stores.profiles, owed)
    assert apply_profiles([ITSS], stores.profiles, NOW) == []


def test_what_a_crash_left_unsaid_is_said_again_with_the_same_id(stores: Any) -> None:
    """T3."""
    profiles = Profiles([ITSS])
    first = Announcer(profiles, stores.profiles, FixedClock(NOW)).tick()
    crashed_later = Announcer(profiles, stores.profiles, FixedClock(NOW + timedelta(hours=1)))
    again = crashed_later.tick()
    assert [said.id for said in first] == [said.id for said in again]
    assert first[0].body == again[0].body
    assert first[0].key == "directory.profile_applied"
    assert crashed_later.tick() == []


def test_two_replicas_say_the_same_words(stores: Any) -> None:
    profiles = Profiles([ITSS])
    one, other = (Announcer(profiles, stores.profiles, FixedClock(NOW)) for _ in range(2))
    assert [said.id for said in one.tick()] == [said.id for said in other.tick()]
    assert one.tick() == other.tick() == []


def test_going_back_to_an_earlier_version_is_news_too(stores: Any) -> None:
    newer = another_version(ITSS)
    told = []
    for loaded in (ITSS, newer, ITSS):
        announcer = Announcer(Profiles([loaded]), stores.profiles, FixedClock(NOW))
        told += announcer.tick()
        announcer.tick()
    assert [_version(said) for said in told] == [ITSS.version, newer.version, ITSS.version]
    assert len({said.id for said in told}) == 3


def test_every_version_that_was_in_force_can_be_read(stores: Any) -> None:
    """S4, D18."""
    newer = another_version(ITSS)
    for loaded in (newer, ITSS):
        apply_profiles([loaded], stores.profiles, NOW)
    name, version, effective, text = read_profile(PROFILES, stores.profiles, "itss_desk", newer.version)
    assert (name, version) == ("itss_desk", newer.version)
    assert effective == newer.profile.profile.document.effective_from
    assert json.loads(text)["profile"]["document"]["change"] == "A stricter response."


def test_a_version_that_never_was_is_missing(stores: Any) -> None:
    with pytest.raises(Missing, match="never had the version"):
        read_profile(PROFILES, stores.profiles, "itss_desk", "9.9+00000000")


def test_a_profile_that_is_shown_names_no_person(stores: Any) -> None:
    """P1."""
    apply_profiles([ITSS], stores.profiles, NOW)
    newer = another_version(ITSS)
    apply_profiles([newer], stores.profiles, NOW)
    for version in ("", ITSS.version, newer.version):
        text = read_profile(PROFILES, stores.profiles, "itss_desk", version)[3]
        organisation = json.loads(text)["organisation"]
        assert set(organisation) == {"teams", "projects"}
        assert "13800138001" not in text
        assert "李伟" not in text


def test_somebody_of_two_desks_is_one_person_with_both_roles() -> None:
    facets = json.loads(json.dumps(PROFILES.get("generic_desk").facets))
    facets["organisation"]["people"].append(
        {"id": "li.wei", "name": "李伟", "roles": ["engineer"], "teams": ["network"], "addresses": {}}
    )
    person = People(Profiles([ITSS, restore(facets)])).get("li.wei")
    assert (set(person.roles), set(person.teams)) == ({"specialist", "engineer"}, {"desk", "network"})
    assert person.addresses == {"smtp": "li.wei@itss.example"}
