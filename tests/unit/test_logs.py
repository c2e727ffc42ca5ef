"""Log lines of errors: whole, readable, and never a line that the error itself has written."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whinny.framework import render_error
from whinny.logs import escape, log_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("whinny.test_logs")

E = TypeVar("E", bound=BaseException)


class Records(logging.Handler):
    """Keeps the records, and what the standard formatter makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.output = io.StringIO()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.output.write(self.format(record) + "\n")

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().split("\n")[:-1]


@pytest.fixture
def handler() -> Iterator[Records]:
    yield from handlers()


def handlers() -> Iterator[Records]:
    records = Records()
    log.addHandler(records)
    log.propagate = False
    try:
        yield records
    finally:
        log.removeHandler(records)
        log.removeFilter(refuse)
        log.setLevel(logging.NOTSET)
        log.disabled, log.propagate = False, True


def raised(error: E) -> E:
    """The error with a traceback."""
    with suppress(BaseException):
        raise error
    return error


def written(error: BaseException) -> list[str]:
    """The lines that are logged of an error."""
    for records in handlers():
        log_error(log, "It failed", error=error)
        return records.lines
    raise AssertionError


BAD: dict[str, str] = {
    "line feed": "one\nERROR whinny forged",
    "carriage return": "one\rERROR whinny forged",
    "both": "one\r\nERROR whinny forged",
    "vertical tab": "one\vtwo",
    "form feed": "one\ftwo",
    "next line": "one\x85two",
    "line separator": "one\u2028two",
    "paragraph separator": "one\u2029two",
    "null": "one\0two",
    "bell and backspace": "one\a\b\b\btwo",
    "delete": "one\x7ftwo",
    "colour": "\x1b[31mred\x1b[0m",
    "title of the window": "\x1b]0;title\x07",
    "eight-bit escape": "\x9b31mred",
    "bidi override": "user\u202enimda",
    "bidi isolate": "\u2066one\u2069",
    "right-to-left mark": "one\u200ftwo",
    "zero width": "one\u200btwo\ufefftwo",
    "lone surrogates": "one \ud83d two \udc00",
    "tags": "one\U000e0041two",
}


def text_of(kind: str) -> Callable[[str], BaseException]:
    """An error that has the text in one place or another."""

    def with_note(text: str) -> BaseException:
        error = ValueError("plain")
        error.add_note(text)
        return error

    def with_cause(text: str) -> BaseException:
        error = ValueError("plain")
        error.__cause__ = LookupError(text)
        return error

    def with_context(text: str) -> BaseException:
        error = ValueError("plain")
        error.__context__ = LookupError(text)
        return error

    def grouped(text: str) -> BaseException:
        return ExceptionGroup(text, [ValueError(text), ExceptionGroup("plain", [ValueError(text)])])

    places: dict[str, Callable[[str], BaseException]] = {
        "message": ValueError,
        "note": with_note,
        "cause": with_cause,
        "context": with_context,
        "group": grouped,
    }
    return places[kind]


@pytest.mark.parametrize("place", ["message", "note", "cause", "context", "group"])
@pytest.mark.parametrize("kind", BAD)
def test_what_an_error_says_stands_on_one_line(kind: str, place: str, handler: Records) -> None:
    """Nothing in it breaks the line, colours it, turns it round or hides: it is written as escape sequences."""
    make = text_of(place)
    log_error(log, "It failed", error=raised(make(BAD[kind])))
    output, lines = handler.output.getvalue(), handler.lines
    assert all(each.isprintable() or each == "\n" for each in output)
    output.encode()
    assert not [line for line in lines[1:] if line.lstrip().startswith("ERROR")]
    assert escape(BAD[kind]) in output
    assert len(lines) == len(written(raised(make("plain")))), "as many as of an error that says something plain"


@given(st.text())
def test_any_text_is_escaped(text: str) -> None:
    """What is left prints, is a line, can be encoded, and is the same where there is nothing to escape."""
    shown = escape(text)
    assert shown.isprintable()
    assert shown.splitlines() in ([], [shown])
    shown.encode()
    assert text.isprintable() == (shown == text)


@given(st.text())
def test_any_message_is_one_line(text: str) -> None:
    """Whatever an error says, the log has as many lines as of any other."""
    lines = written(ValueError(text))
    assert len(lines) == 2
    assert lines[1] == f"ValueError: {escape(text)}"


@pytest.mark.parametrize("text", ["größe 漢字 \N{HORSE}", "a\\nb", "C:\\new", 'quoted "x"', ""])
def test_what_prints_is_left_alone(text: str) -> None:
    """Text in any script is readable in the log."""
    assert written(ValueError(text))[1] == f"ValueError: {text}"


# the traceback


def failing() -> None:
    raise LookupError("inner")


def fail_again(how: str) -> None:
    try:
        failing()
    except LookupError as error:
        if how == "cause":
            raise ValueError("outer") from error
        if how == "suppressed":
            raise ValueError("outer") from None
        raise ValueError("outer")  # noqa: B904 - that is what is tested


def chained(how: str) -> ValueError:
    """An error that came of another one."""
    with pytest.raises(ValueError, match="outer") as caught:
        fail_again(how)
    return caught.value


def test_the_traceback_is_the_interpreters() -> None:
    """Files, lines, functions and the source, then the error's name with its module, as one is used to."""
    lines = written(chained("suppressed"))
    assert lines[0] == "ERROR whinny.test_logs It failed"
    assert lines[1] == "Traceback (most recent call last):"
    assert f'File "{__file__}"' in lines[2]
    assert "in chained" in lines[2]
    assert lines[-1] == "ValueError: outer"
    assert written(Own("x"))[-1] == f"{__name__}.Own: x"


class Own(Exception):
    """An error of the app's own."""


@pytest.mark.parametrize(
    ("how", "between"), [("cause", "This led to:"), ("context", "While that was handled:"), ("suppressed", None)]
)
def test_what_led_to_an_error_stands_before_it(how: str, between: str | None) -> None:
    """Its cause, or what was being handled, with its own traceback; not what the app has cut off."""
    lines = written(chained(how))
    if between is None:
        assert "LookupError: inner" not in lines
        return
    first, middle, last = (lines.index(each) for each in ("LookupError: inner", between, "ValueError: outer"))
    assert first < middle < last
    assert any("in failing" in line for line in lines[:first])
    assert lines.count("Traceback (most recent call last):") == 2


def test_errors_that_lead_to_each_other_come_to_an_end() -> None:
    """A circle of causes is written once round."""
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    lines = written(one)
    assert [line for line in lines if line.startswith("ValueError")] == ["ValueError: two", "ValueError: one"]


def test_a_group_shows_all_its_errors() -> None:
    """Each with its own traceback and what led to it, indented under the group."""
    errors: list[Exception] = [
        raised(ValueError("first")),
        ExceptionGroup("inner", [chained("cause")]),
        KeyError("last"),
    ]
    error = raised(ExceptionGroup("many", errors))
    lines = written(error)
    for line in (
        "ExceptionGroup: many (3 sub-exceptions)",
        "    ValueError: first",
        "    ExceptionGroup: inner (1 sub-exception)",
        "        LookupError: inner",
        "        ValueError: outer",
        "    KeyError: 'last'",
    ):
        assert line in lines
    assert any(line.startswith("    Traceback") for line in lines)


def test_a_group_of_other_kinds_is_shown_too() -> None:
    """A cancellation among them, say."""
    lines = written(BaseExceptionGroup("many", [KeyboardInterrupt("stop")]))
    assert "    KeyboardInterrupt: stop" in lines


def test_notes_stand_behind_the_error() -> None:
    """Each on a line of its own."""
    error = ValueError("x")
    error.add_note("first note")
    error.add_note("second note")
    assert written(error)[1:] == ["ValueError: x", "first note", "second note"]


def test_an_error_without_words_is_logged() -> None:
    """One whose text cannot be made has its name and its traceback."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    lines = written(raised(Mute()))
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1].endswith("Mute: ")
    assert written(ValueError())[-1] == "ValueError: "


@pytest.mark.parametrize("each", ["x", "\n", "\ud800", "漢"])
def test_a_very_long_message_is_cut(each: str) -> None:
    """What one error says has 10 000 characters at most, before they are escaped, and a mark where it was cut."""
    assert written(ValueError(each * 10_000))[-1] == "ValueError: " + escape(each * 10_000)
    assert written(ValueError(each * 3_000_000))[-1] == "ValueError: " + escape(each * 10_000) + " …"


def test_a_long_recursion_is_logged() -> None:
    """The repeated lines of its traceback are told once, as the interpreter does."""

    def again() -> None:
        again()

    with pytest.raises(RecursionError) as caught:
        again()
    lines = written(caught.value)
    assert len(lines) < 60
    assert any(line.endswith("times more)") for line in lines)


# errors that are strange


FORGED = "x\r\nFORGED\x1b[31m"
MOST_CHARACTERS = 100_000
"""That many an error may add to the log which says little, whatever has led to it."""


def expect_clean(lines: list[str]) -> None:
    """Nothing raw in them, none of them a client's, and not too many."""
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.lstrip().startswith("FORGED")]
    assert sum(map(len, lines)) < MOST_CHARACTERS


def one_of_another(count: int) -> Exception:
    """The last of so many errors, each raised from the one before."""
    last: Exception | None = None
    for number in range(count):
        error = ValueError(f"{number}: {FORGED}")
        error.__cause__ = last
        last = raised(error)
    assert last is not None
    return last


def while_handling(count: int) -> BaseException:
    """An error that was raised while another one was handled, and so on, so many deep."""

    def fail(left: int) -> None:
        try:
            raise ValueError(FORGED)
        except ValueError:
            if left:
                fail(left - 1)
            raise KeyError(FORGED)  # noqa: B904 - that is what is tested

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 2 * count)
    try:
        fail(count)
    except KeyError as error:
        return error
    finally:
        sys.setrecursionlimit(limit)
    raise AssertionError


def grouped(depth: int, width: int) -> BaseException:
    """Groups in groups, of as many errors each."""
    error: Exception = ValueError(FORGED)
    for _ in range(depth):
        inner: list[Exception] = [error] * width
        error = ExceptionGroup(FORGED, inner)
    return raised(error)


class Unspeakable:
    """What cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError(FORGED)


def noted(notes: Any) -> BaseException:
    """An error with something in the place of its notes."""
    error = ValueError(FORGED)
    error.__notes__ = notes
    return raised(error)


class Moody(Exception):
    """An error that fails whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(FORGED)

    def __bool__(self) -> bool:
        raise RuntimeError(FORGED)


def of_a_moody_one() -> BaseException:
    error = ValueError(FORGED)
    error.__cause__ = Moody()
    return raised(error)


def with_names(**names: str) -> BaseException:
    """An error of a function whose code has been given other names."""

    def fail() -> None:
        raise ValueError("x")

    fail.__code__ = fail.__code__.replace(**names)  # type: ignore[arg-type]
    try:
        fail()
    except ValueError as error:
        return error
    raise AssertionError


class Speechless(Exception):
    """An error whose words are another error, which is not to be caught."""

    def __init__(self, raises: BaseException) -> None:
        super().__init__(FORGED)
        self.raises = raises

    def __str__(self) -> str:
        raise self.raises


class Closed(Exception):
    """An error that lets nobody look at it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(FORGED)


def of(cause: BaseException, *, raised_from: bool = True) -> BaseException:
    """An error that another one has led to."""
    error = ValueError(FORGED)
    if raised_from:
        error.__cause__ = cause
    else:
        error.__context__ = cause
    return raised(error)


STRANGE: dict[str, Callable[[], BaseException]] = {
    "a chain of 3000": lambda: one_of_another(3000),
    "handled 900 deep": lambda: while_handling(900),
    "groups 50 deep": lambda: grouped(50, 1),
    "groups 900 deep": lambda: grouped(900, 1),
    "wide groups in wide groups": lambda: grouped(20, 20),
    "a group of chains": lambda: ExceptionGroup(FORGED, [one_of_another(30) for _ in range(30)]),
    "notes that are a number": lambda: noted(5),
    "notes that are a text": lambda: noted("FORGED"),
    "notes that are no texts": lambda: noted([5, None, FORGED, ValueError(FORGED)]),
    "a note without words": lambda: noted([Unspeakable()]),
    "an error that fails": lambda: raised(Moody()),
    "the cause of an error that fails": of_a_moody_one,
    "a file with line breaks": lambda: with_names(co_filename=FORGED),
    "a function with line breaks": lambda: with_names(co_name=FORGED, co_qualname=FORGED),
    "a class with line breaks": lambda: raised(type(FORGED, (Exception,), {})(FORGED)),
    "a class with a strange name": lambda: raised(type("Own", (Exception,), {"__qualname__": FORGED})()),
    "a module with line breaks": lambda: raised(type("Own", (Exception,), {"__module__": FORGED})()),
    "notes without number": lambda: noted([FORGED] * 1_000_000),
    "words that interrupt": lambda: raised(Speechless(KeyboardInterrupt())),
    "words that exit": lambda: raised(Speechless(SystemExit(FORGED))),
    "words that end a generator": lambda: raised(Speechless(GeneratorExit())),
    "a note that interrupts": lambda: noted([Speechless(KeyboardInterrupt())]),
    "a cause that nobody may look at": lambda: of(Closed()),
    "a context that nobody may look at": lambda: of(Closed(), raised_from=False),
    "a module that is none": lambda: raised(type("Own", (Exception,), {"__module__": 5})()),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_no_error_is_too_strange_to_be_logged(kind: str, handler: Records) -> None:
    """One record, bounded and clean, of whatever is raised; `log_error` itself never fails."""
    log_error(log, "It failed", error=STRANGE[kind]())
    [record] = handler.records
    assert record.getMessage() == "It failed"
    expect_clean(handler.lines)
    assert len(handler.lines) > 1


def test_of_a_long_chain_the_last_errors_are_shown() -> None:
    """What was raised last stands last, as ever; what is cut off is what came first."""
    lines = written(one_of_another(3000))
    shown = [line for line in lines if line.startswith("ValueError: ")]
    assert shown[-1] == f"ValueError: 2999: {escape(FORGED)}"
    assert shown[0] == f"ValueError: {3000 - len(shown)}: {escape(FORGED)}"
    assert 1 < len(shown) < 100


def test_notes_without_number_are_cut() -> None:
    """However many there are, and however long: a few hundred thousand characters at most."""
    error = ValueError("x")
    error.__notes__ = ["n" * 1_000_000] * 68
    lines = written(raised(error))
    assert 1 < len([line for line in lines if line.startswith("nnn")]) < 100
    assert sum(map(len, lines)) < 1_000_000


def test_the_lines_of_one_error_are_bounded() -> None:
    """Chains in groups, all with notes: a thousand lines and the message."""
    chains: list[Exception] = []
    for _ in range(20):
        last: Exception | None = None
        for _ in range(20):
            error = ValueError("x")
            error.__notes__ = ["note"] * 20
            error.__cause__ = last
            last = raised(error)
        assert last is not None
        chains.append(last)
    assert len(written(raised(ExceptionGroup("all", chains)))) <= 1001


class Falsy(Exception):
    """An error that counts as false."""

    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize(("raised_from", "between"), [(True, "This led to:"), (False, "While that was handled:")])
def test_what_led_to_an_error_may_be_false(raised_from: bool, between: str) -> None:
    """Whether there is a cause is no question of what it says of itself."""
    lines = written(of(Falsy("the first"), raised_from=raised_from))
    assert f"{__name__}.Falsy: the first" in lines
    assert between in lines
    assert lines[-1] == f"ValueError: {escape(FORGED)}"


@pytest.mark.parametrize("name", ["x\0y", "x\ud800y", "", FORGED])
@pytest.mark.parametrize("debug", [False, True])
def test_an_error_of_a_file_with_a_strange_name_is_rendered(name: str, debug: bool) -> None:
    """With a stack and a place as far as the interpreter tells them, and never with an error of its own."""
    rendered = render_error(with_names(co_filename=name), debug)
    assert rendered["code"] == "INTERNAL_SERVER_ERROR"
    if debug:
        assert (rendered["name"], rendered["message"]) == ("ValueError", "x")
        assert isinstance(rendered["stack"], str)
        assert "ValueError" in rendered["stack"]
        assert rendered["filename"] in ("", name)
        assert rendered["line"] is None or rendered["line"] > 0


def test_an_error_that_says_nothing_is_rendered() -> None:
    """Also where its words would end the process, and where nobody may look at it."""
    rendered = render_error(raised(Speechless(KeyboardInterrupt())), True)
    assert (rendered["name"], rendered["message"]) == ("Speechless", "")
    assert render_error(raised(Closed()), True)["name"] == "Closed"


@pytest.mark.parametrize("name", ["x\rFORGED", "\x1b[31mFORGED", "x\u2028FORGED", "\u202ex", "x\x9b31m"])
def test_the_names_of_files_are_escaped(name: str) -> None:
    """A frame's file may be named by whoever compiled it."""
    with pytest.raises(ValueError, match="x") as caught:
        exec(compile("raise ValueError('x')", name, "exec"))
    lines = written(caught.value)
    expect_clean(lines)
    assert any(escape(name) in line for line in lines)
    assert lines[-1] == "ValueError: x"


@pytest.mark.parametrize("name", ["x\0y", "x\ud800y"])
def test_a_file_that_cannot_be_looked_for_is_no_matter(name: str) -> None:
    """Its source cannot be shown; the error is logged all the same."""

    def fail() -> None:
        raise ValueError("x")

    fail.__code__ = fail.__code__.replace(co_filename=name)
    with pytest.raises(ValueError, match="x") as caught:
        fail()
    lines = written(caught.value)
    expect_clean(lines)
    assert lines[-1].startswith("ValueError")


# the record


def test_other_handlers_find_the_error_itself(handler: Records) -> None:
    """`exc_info` is what `log.exception` gives, for those who report errors elsewhere."""
    error = raised(ValueError("x\ny"))
    log_error(log, "It failed", error=error)
    [record] = handler.records
    assert record.exc_info is not None
    kind, found, trace = record.exc_info
    assert kind is ValueError
    assert found is error
    assert trace is error.__traceback__ is not None


def test_a_record_is_like_any_other(handler: Records) -> None:
    """Level, message with its arguments, extra, and the place of the call, also when it is not an error's own."""
    error = ValueError("x")
    log_error(log, "%s failed %d times", "It", 2, error=error, level=logging.WARNING, extra={"event_name": "go"})
    [record] = handler.records
    assert (record.levelname, record.name, record.getMessage()) == (
        "WARNING",
        "whinny.test_logs",
        "It failed 2 times",
    )
    assert vars(record)["event_name"] == "go"
    assert (record.pathname, record.funcName) == (__file__, "test_a_record_is_like_any_other")
    log_error(log, "It failed", error=error)
    assert handler.records[1].levelname == "ERROR"


def test_what_is_not_logged_is_not_made(handler: Records) -> None:
    """Below the logger's level, or turned off, nothing is formatted; filters count as well."""

    class Loud(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    log.setLevel(logging.WARNING)
    log_error(log, "It failed", error=Loud(), level=logging.INFO)
    log.disabled = True
    log_error(log, "It failed", error=Loud())
    log.disabled = False
    log.addFilter(refuse)
    log_error(log, "It failed", error=ValueError())
    log.removeFilter(refuse)
    assert handler.records == []
    log_error(log, "It failed", error=ValueError())
    assert len(handler.records) == 1


def refuse(record: Any) -> bool:
    """A filter that lets nothing through."""
    return False
