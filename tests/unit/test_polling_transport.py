"""Long-polling: a waiting poll, a data request, and what neither may do."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.clock import in_fake_time, run, turns
from unit.fakes import message, open_polling
from whinny.engine import Overlap, decode_payload
from whinny.errors import ProtocolError


@given(st.lists(st.sampled_from(["send", "send", "poll"]), max_size=30))
def test_polls_bring_what_was_sent_once_and_in_order(steps: list[str]) -> None:
    """However polls and sends follow each other, every packet is in one answer, in the order of sending."""

    async def main() -> None:
        connection, transport, handler = open_polling()
        polls: list[asyncio.Future[str]] = []
        sent: list[str | bytes] = []
        for step in steps:
            if step == "send":
                packet = message(b"%d" % len(sent) if len(sent) % 2 else str(len(sent)))
                sent.append(packet.wire)
                connection.send([packet])
            elif not transport.ready:
                polls.append(transport.poll())
        if sent and not transport.ready:
            polls.append(transport.poll())
        bodies = [poll.result() for poll in polls if poll.done()]
        assert [wire for body in bodies for wire in decode_payload(body.encode())] == sent
        assert not handler.closed

    run(main())


@in_fake_time
async def test_a_poll_waits_for_the_first_packet() -> None:
    """A poll without packets waits; the first packet answers it, and the transport is not ready any more."""
    connection, transport, _ = open_polling()
    assert not transport.ready
    answer = transport.poll()
    assert transport.ready
    assert not answer.done()
    connection.send([message("a")])
    connection.send([message("b")])
    assert answer.result() == "4a"
    assert not transport.ready
    assert transport.poll().result() == "4b"


@in_fake_time
async def test_volatile_packets_need_a_waiting_poll() -> None:
    """A volatile packet goes out by a waiting poll, and not at all without one."""
    connection, transport, _ = open_polling()
    connection.send([message("dropped")], volatile=True)
    answer = transport.poll()
    connection.send([message("sent")], volatile=True)
    assert answer.result() == "4sent"
    connection.send([message("dropped")], volatile=True)
    assert not transport.poll().done()


@in_fake_time
async def test_two_polls_at_once_end_the_connection() -> None:
    """The second poll is refused, the first one answered with a close packet."""
    _, transport, handler = open_polling()
    first = transport.poll()
    with pytest.raises(Overlap):
        transport.poll()
    assert first.result() == "1"
    assert handler.closed == [("transport error", "overlap from client")]


@in_fake_time
async def test_a_dropped_poll_ends_the_connection() -> None:
    """A client that drops its waiting poll is gone; an answer of an earlier poll does not matter."""
    connection, transport, handler = open_polling()
    first = transport.poll()
    connection.send([message("x")])
    second = transport.poll()
    transport.poll_gone(first)
    assert not handler.closed
    transport.poll_gone(second)
    assert handler.reasons == ["transport error"]


@in_fake_time
async def test_two_data_requests_at_once_end_the_connection() -> None:
    """The second data request is refused; one after the other is fine."""
    _, transport, handler = open_polling()
    for _ in range(2):
        transport.begin_data()
        await transport.data(b"4a")
        transport.end_data()
    transport.begin_data()
    with pytest.raises(Overlap):
        transport.begin_data()
    assert handler.reasons == ["transport error"]
    assert handler.messages == ["a", "a"]


@in_fake_time
async def test_a_malformed_data_request_ends_the_connection() -> None:
    """Of a payload with a malformed packet nothing is heard, and the connection is closed."""
    _, transport, handler = open_polling()
    poll = transport.poll()
    transport.begin_data()
    with pytest.raises(ProtocolError):
        await transport.data(b"4good\x1e?")
    assert handler.messages == []
    assert handler.reasons == ["parse error"]
    assert poll.result() == "1"


@in_fake_time
async def test_a_close_packet_ends_the_data_request() -> None:
    """What stands before a close packet is heard, what stands behind it is not; a waiting poll gets a noop."""
    _, transport, handler = open_polling()
    poll = transport.poll()
    await transport.data(b"4a\x1e1\x1e4b")
    assert handler.messages == ["a"]
    assert handler.reasons == ["transport close"]
    assert poll.result() == "6"


@pytest.mark.parametrize("call", ["data_gone", "refuse"])
@in_fake_time
async def test_other_ends(call: str) -> None:
    """A broken or forbidden data request ends the connection."""
    _, transport, handler = open_polling()
    if call == "refuse":
        transport.refuse("invalid content")
    else:
        transport.data_gone()
    assert handler.reasons == ["transport error"]


@in_fake_time
async def test_a_pause_keeps_back_the_rest_of_a_data_request() -> None:
    """While reading is paused neither the further packets nor the answer of a data request go on."""
    connection, transport, handler = open_polling()
    connection.pause("test")
    request = asyncio.ensure_future(transport.data(b"4a\x1e4b\x1e4c"))
    await turns()
    assert handler.messages == ["a"]
    assert not request.done()
    connection.resume("test")
    await turns()
    assert handler.messages == ["a", "b", "c"]
    assert request.done()


@in_fake_time
async def test_the_end_releases_a_paused_data_request() -> None:
    """A connection that ends while it is paused leaves no request waiting, and the rest is not heard."""
    connection, transport, handler = open_polling()
    connection.pause("test")
    request = asyncio.ensure_future(transport.data(b"4a\x1e4b"))
    await turns()
    connection.end("ping timeout")
    connection.pause("test")  # too late to matter
    await asyncio.wait_for(request, 1)
    assert handler.messages == ["a"]


@in_fake_time
async def test_release_is_a_noop_and_only_for_a_waiting_poll() -> None:
    """A waiting poll is answered by a noop once, and a released one takes no packets with it."""
    connection, transport, _ = open_polling()
    transport.release()
    answer = transport.poll()
    transport.release()
    transport.release()
    assert answer.result() == "6"
    connection.send([message("x")])
    assert transport.poll().result() == "4x"


@in_fake_time
async def test_an_answer_that_was_cancelled_is_no_error() -> None:
    """The request behind a poll may be cancelled before its answer comes."""
    connection, transport, _ = open_polling()
    transport.poll().cancel()
    connection.send([message("x")])
    assert not transport.ready
