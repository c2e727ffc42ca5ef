"""Settings, from code and from the environment."""

from __future__ import annotations

import subprocess
import sys

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
