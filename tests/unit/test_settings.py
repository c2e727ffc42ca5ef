"""Settings, from code and from the environment."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from whinny import ConfigurationError, ServiceManager, Settings


@pytest.mark.parametrize("text", ["1", "true", "TRUE", " yes ", "on"])
def test_what_turns_a_flag_on(text: str) -> None:
    """Some words mean yes."""
    assert Settings.from_environment({"WHINNY_DEBUG": text}).debug is True


@pytest.mark.parametrize("text", ["0", "false", "No", "off", "", " "])
def test_what_turns_a_flag_off(text: str) -> None:
    """Some words mean no, and nothing does too."""
    assert Settings.from_environment({"WHINNY_LOG_ERRORS": text}).log_errors is False


@pytest.mark.parametrize("text", ["2", "ja", "None", "truee"])
def test_other_words_are_refused(text: str) -> None:
    """Anything else is an error that names the variable and its value."""
    with pytest.raises(ConfigurationError, match=rf"WHINNY_DEBUG='{text}'"):
        Settings.from_environment({"WHINNY_DEBUG": text})


def test_the_defaults() -> None:
    """Errors are masked and logged unless something else is said."""
    assert Settings.from_environment({}) == Settings() == Settings(debug=False, log_errors=True)


def test_a_manager_reads_the_environment_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings a manager takes those of the environment; given ones win."""
    monkeypatch.setenv("WHINNY_DEBUG", "1")
    assert ServiceManager().settings.debug is True
    assert ServiceManager(Settings(debug=False)).settings.debug is False


def test_importing_reads_nothing() -> None:
    """A wrong variable harms nobody who only imports."""
    code = "import os; os.environ['WHINNY_DEBUG'] = 'wrong'; import whinny"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_settings_are_values() -> None:
    """Settings cannot be changed."""
    with pytest.raises(AttributeError):
        Settings().debug = True  # type: ignore[misc]


COOKIES: list[tuple[dict[str, Any], str]] = [
    ({"session_cookie_name": "my cookie"}, "session_cookie_name='my cookie'"),
    ({"session_cookie_name": ""}, "session_cookie_name=''"),
    ({"csrf_cookie_name": "a;b"}, "csrf_cookie_name='a;b'"),
    ({"session_cookie_domain": "ex;ample"}, "session_cookie_domain='ex;ample'"),
    ({"session_cookie_path": "x"}, "session_cookie_path='x'"),
    ({"session_cookie_path": "/;x"}, "session_cookie_path='/;x'"),
    ({"session_cookie_same_site": "Lax"}, "session_cookie_same_site='Lax'"),
    ({"session_cookie_same_site": "none", "session_cookie_secure": False}, "session_cookie_secure=False"),
    ({"session_cookie_name": "a", "csrf_cookie_name": "a"}, "csrf_cookie_name='a'"),
]


@pytest.mark.parametrize(("given", "named"), COOKIES, ids=[named for _, named in COOKIES])
def test_a_cookie_that_no_browser_would_keep_is_refused(given: dict[str, Any], named: str) -> None:
    """The error names the setting and its variable."""
    name = named.partition("=")[0]
    with pytest.raises(ConfigurationError) as caught:
        Settings(**given)
    assert str(caught.value).startswith(f"The setting {named} (WHINNY_{name.upper()}) is wrong: ")


def test_a_cookie_of_the_environment_is_checked_too() -> None:
    """A domain may begin with a dot, as it was written once."""
    with pytest.raises(ConfigurationError, match="WHINNY_SESSION_COOKIE_NAME"):
        Settings.from_environment({"WHINNY_SESSION_COOKIE_NAME": "my cookie"})
    assert Settings.from_environment({"WHINNY_SESSION_COOKIE_DOMAIN": ".example.com"})
