"""Settings from the file `.env` in the current folder."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from whinny import ConfigurationError, ServiceManager, Settings
from whinny.testing import create_controller

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("WHINNY_DEBUG", "WHINNY_LOG_ERRORS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_file_is_read(folder: Path) -> None:
    """What stands in it counts, and what does not has its default."""
    (folder / ".env").write_text("WHINNY_DEBUG=1\n")
    assert ServiceManager().settings == Settings(debug=True, log_errors=True)
    (folder / ".env").write_text("WHINNY_LOG_ERRORS=off\n")
    assert ServiceManager().settings == Settings(debug=False, log_errors=False)


def test_without_a_file_there_are_defaults(folder: Path) -> None:
    """No file, an empty one and a folder of that name are the same."""
    assert ServiceManager().settings == Settings()
    (folder / ".env").write_text("")
    assert ServiceManager().settings == Settings()
    (folder / ".env").unlink()
    (folder / ".env").mkdir()  # some keep their interpreter there
    assert ServiceManager().settings == Settings()


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n\nWHINNY_DEBUG=1 # another",
        "export WHINNY_DEBUG=1",
        "WHINNY_DEBUG='1'",
        'WHINNY_DEBUG="1"\r\nOTHER=x\r\n',
        "OTHER=größe 漢字\nWHINNY_DEBUG = true",
        "\ufeffWHINNY_DEBUG=1",
    ],
)
def test_the_usual_ways_to_write_it(folder: Path, text: str) -> None:
    """Comments, quotes, `export`, other lines and the marks that other systems make."""
    (folder / ".env").write_bytes(text.encode())
    assert ServiceManager().settings.debug is True


def test_the_environment_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable of the environment counts before the file, an empty one too; the others stay the file's."""
    (folder / ".env").write_text("WHINNY_DEBUG=1\nWHINNY_LOG_ERRORS=0\n")
    monkeypatch.setenv("WHINNY_DEBUG", "0")
    assert ServiceManager().settings == Settings(debug=False, log_errors=False)
    monkeypatch.setenv("WHINNY_DEBUG", "")
    assert ServiceManager().settings == Settings(debug=False, log_errors=False)
    monkeypatch.setenv("WHINNY_LOG_ERRORS", "1")
    assert ServiceManager().settings == Settings(debug=False, log_errors=True)


def test_code_wins(folder: Path) -> None:
    """Settings passed in code are taken as they are: the file is not even looked at."""
    (folder / ".env").write_bytes(b"\xff\xfe")
    assert ServiceManager(Settings()).settings == Settings()
    assert Settings.from_environment({}) == Settings()

    class Controller: ...

    assert isinstance(create_controller(Controller), Controller)


def test_reading_leaves_the_environment_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's variables are settings, and no part of the process's environment."""
    (folder / ".env").write_text("WHINNY_DEBUG=1\nSECRET=x\n")
    before = dict(os.environ)
    ServiceManager()
    assert dict(os.environ) == before


def test_the_file_of_another_folder_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the current folder's counts, not that of a parent."""
    (folder / ".env").write_text("WHINNY_DEBUG=1\n")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert ServiceManager().settings.debug is False


@pytest.mark.parametrize("content", ["WHINNY_DEBUG=1".encode("utf-16"), b"WHINNY_DEBUG=1\n# gr\xf6\xdfe", b"\xff"])
def test_a_file_that_is_no_text_is_named(folder: Path, content: bytes) -> None:
    """It is an error with the whole path of the file, not a traceback of a decoder."""
    (folder / ".env").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        ServiceManager()
    assert str(folder / ".env") in str(caught.value)


def test_a_file_that_cannot_be_opened_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not passed over in silence: what stands in it may matter."""

    def refuse(path: str, **how: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    (folder / ".env").write_text("WHINNY_DEBUG=1")
    monkeypatch.setattr("whinny.framework.settings.open", refuse, raising=False)
    with pytest.raises(ConfigurationError) as caught:
        ServiceManager()
    assert str(folder / ".env") in str(caught.value)
    assert "Permission denied" in str(caught.value)


@pytest.mark.parametrize("value", ["2", "ja", '"1 0"'])
def test_a_wrong_value_in_the_file_is_named(folder: Path, value: str) -> None:
    """The variable and the value, as in the environment."""
    (folder / ".env").write_text(f"WHINNY_DEBUG={value}\n")
    with pytest.raises(ConfigurationError, match="WHINNY_DEBUG="):
        ServiceManager()


NO_SETTINGS = [
    "WHINNY_DEBUG 1",
    "WHINNY_DEBUG: 1",
    "WHINNY_DEBUG",
    "export WHINNY_DEBUG",
    "WHINNY_DEBUG='1",
    'WHINNY_DEBUG="1',
    "WHINNY_DEBUG='1'x",
    "set WHINNY_DEBUG=1",
    "- WHINNY_DEBUG=1",
    "WHINNY_LOG_ERRORS off",
]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nOTHER=x\n"])
@pytest.mark.parametrize("before", ["", "OTHER=x\n", "# a comment\nOTHER='x\ny'\n", "broken line\n"])
@pytest.mark.parametrize("line", NO_SETTINGS)
def test_a_line_that_is_no_setting_is_named(folder: Path, line: str, before: str, end: str) -> None:
    """A setting that would be passed over is an error with the whole path of the file and the line."""
    (folder / ".env").write_bytes(f"{before}{line}{end}".encode())
    with pytest.raises(ConfigurationError) as caught:
        ServiceManager()
    number = before.count("\n") + 1
    expected = f"Line {number} of {folder / '.env'} is no setting: {line!r}. Write NAME=value."
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("before", "number"),
    [
        ("\n", 2),
        ("\n\n\n", 4),
        ("OTHER=x\n\n\n\n", 5),
        ("  \n\t\n ", 3),
        ("\r\n\r\n", 3),
        ("# a comment\n\n# another\n\n", 5),
        ("OTHER='x\n\ny'\n\n", 5),
        ("broken line\n\n", 3),
        ("\ufeff\n", 2),
    ],
)
@pytest.mark.parametrize("line", ["WHINNY_DEBUG 1", "export WHINNY_DEBUG"])
def test_blank_lines_are_counted(folder: Path, line: str, before: str, number: int) -> None:
    """The line that is named is the one that an editor shows under this number."""
    (folder / ".env").write_bytes(f"{before}{line}\n".encode())
    with pytest.raises(ConfigurationError) as caught:
        ServiceManager()
    assert str(caught.value).startswith(f"Line {number} of {folder / '.env'} is no setting: {line!r}")


@pytest.mark.parametrize(
    "line",
    [
        "B # WHINNY_DEBUG",
        "B: WHINNY_DEBUG",
        "B-WHINNY_DEBUG 1",
        "B.WHINNY_DEBUG",
        "B 'WHINNY_DEBUG'",
        "B='1'x WHINNY_DEBUG=1",
        "OTHER_WHINNY_DEBUG 1",
        "see https://example.invalid/WHINNY_DEBUG",
        "read all about WHINNY_DEBUG",
        "whinny_debug 1",
        "WHINNYING 1",
    ],
)
def test_lines_of_others_may_name_a_setting(folder: Path, line: str) -> None:
    """A line that is about something else is another program's, and no error, whatever it mentions."""
    (folder / ".env").write_text(f"{line}\nWHINNY_DEBUG=1\n{line}")
    assert ServiceManager().settings == Settings(debug=True)


@pytest.mark.parametrize(
    "text",
    [
        "OTHER x\nWHINNY_DEBUG=1\nOTHER: y\nOTHER",
        "OTHER='\nWHINNY_DEBUG=1",
        "!?\n{}\n=\nWHINNY_DEBUG=1",
    ],
)
def test_broken_lines_of_others_do_not_matter(folder: Path, text: str) -> None:
    """The file may be another program's as well."""
    (folder / ".env").write_text(text)
    assert ServiceManager().settings == Settings(debug=True)


@pytest.mark.parametrize(
    "text",
    [
        "# WHINNY_DEBUG 1",
        "  # WHINNY_DEBUG: 1\n\n\t#WHINNY_DEBUG='1\n",
        "OTHER=1 # WHINNY_DEBUG 1",
        "OTHER='\nWHINNY_DEBUG 1\n'",
        "#\n# WHINNY_LOG_ERRORS",
    ],
)
def test_what_is_no_line_of_settings_may_name_them(folder: Path, text: str) -> None:
    """Comments pass, and values of several lines."""
    (folder / ".env").write_text(text)
    assert ServiceManager().settings == Settings()


def test_importing_reads_no_file(folder: Path) -> None:
    """A broken file harms nobody who only imports, every module included."""
    (folder / ".env").write_bytes(b"\xff\xfe")
    code = "import whinny, whinny.testing, whinny.cli; whinny.ServiceManager(whinny.Settings())"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
