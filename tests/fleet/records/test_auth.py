import hashlib

import pytest

from fleet.errors import SetUpError
from fleet.records.auth import Person, Role, parse_tokens


def line(name: str, role: str, token: str) -> str:
    return f"{name}:{role}:{hashlib.sha256(token.encode()).hexdigest()}"


def test_a_token_is_its_person() -> None:
    tokens = parse_tokens(f"{line('Ada Byron', 'pilot', 'secret-1')}\n{line('Bo', 'viewer', 'secret-2')}\n", source="E")
    assert tokens.person("secret-1") == Person("Ada Byron", Role.PILOT)
    assert tokens.person("secret-2") == Person("Bo", Role.VIEWER)
    assert tokens.person("secret-3") is None


def test_roles_include_the_ones_below() -> None:
    assert Role.PILOT.includes(Role.OPERATOR)
    assert Role.OPERATOR.includes(Role.OPERATOR)
    assert not Role.OPERATOR.includes(Role.PILOT)
    assert not Role.VIEWER.includes(Role.OPERATOR)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("ada:pilot", id="no hash"),
        pytest.param("ada:king:" + "0" * 64, id="unknown role"),
        pytest.param("ada:pilot:secret-in-the-clear", id="token instead of hash"),
        pytest.param("ada:pilot:" + "0" * 64 + "\nbo:viewer:" + "0" * 64, id="one token for two"),
    ],
)
def test_a_wrong_token_list_is_one_line_that_shows_no_secret(text: str) -> None:
    with pytest.raises(SetUpError) as caught:
        parse_tokens(text, source="VEDETTE_TOKENS")
    assert str(caught.value).startswith("VEDETTE_TOKENS: ")
    assert "secret" not in str(caught.value)
    assert "0000" not in str(caught.value)
