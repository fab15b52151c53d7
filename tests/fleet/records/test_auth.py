import pytest

from fleet.errors import Refused
from fleet.records import passwords
from fleet.records.auth import Role, csrf_of, digest_of, duties_of, holder_of, name_key


def test_who_may_do_what() -> None:
    """Nobody but a pilot lets a vehicle go, and nobody becomes one by rank."""
    assert duties_of(Role.VIEWER) == {Role.VIEWER}
    assert duties_of(Role.OPERATOR) == {Role.VIEWER, Role.OPERATOR}
    assert duties_of(Role.PILOT) == {Role.VIEWER, Role.OPERATOR, Role.PILOT}
    assert duties_of(Role.SUPERVISOR) == {Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR}
    assert duties_of(Role.ADMIN) == {Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN}
    assert duties_of(Role.SUPERVISOR, is_pilot=True) == set(Role) - {Role.ADMIN}


def test_a_token_is_its_holders() -> None:
    holders = {digest_of("one"): "Ada", digest_of("two"): "Bo"}
    assert (holder_of("two", holders), holder_of("three", holders), holder_of("", holders)) == ("Bo", None, None)


def test_names_that_read_alike_are_one_person() -> None:
    assert name_key("Ada  Byron") == name_key("ADA byron") == name_key("\uff21da Byron")
    assert name_key("Ada Byron") != name_key("Ada Bryon")


def test_each_session_has_its_own_word_against_other_pages() -> None:
    assert csrf_of("one") != csrf_of("two")
    assert "one" not in csrf_of("one")


def test_a_password_is_kept_as_argon2id_with_the_parameters_of_owasp() -> None:
    kept = passwords.hashed("correct horse battery", name="Ada")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.is_right("correct horse battery", kept)
    assert not passwords.is_right("correct horse batterx", kept)
    assert not passwords.is_right("correct horse battery", None)
    assert not passwords.is_right("correct horse battery", "no hash")
    assert not passwords.is_outdated(kept)
    assert passwords.is_outdated(kept.replace("t=2", "t=1"))


@pytest.mark.parametrize("password", ["short", "x" * 129, "aaaaaaaaaaaaaaaa", "Ada Augusta Byron"])
def test_a_password_that_is_none(password: str) -> None:
    with pytest.raises(Refused):
        passwords.hashed(password, name="ada augusta byron")
