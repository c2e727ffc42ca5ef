"""Requests to the other servers that wait for responses."""

from __future__ import annotations

import asyncio
import secrets
import string
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from whinny.errors import AckTimeout, ClusterTimeout
from whinny.logs import brief

if TYPE_CHECKING:
    from whinny.cluster.adapter import RemoteAnswers

_ALPHABET: Final = string.ascii_letters + string.digits + "-_"


def short_id() -> str:
    """Six characters, as servers and requests have them for ids."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))


class Gathering:
    """The responses to one request: one of each of the other servers."""

    __slots__ = ("_complete", "_expected", "_senders", "responses")

    def __init__(self) -> None:
        self.responses: list[Any] = []
        self._senders: set[str] = set()
        self._expected: int | None = None
        self._complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def came(self, response: Any, sender: str | None) -> None:
        """One more; the second one of the same sender is ignored, if it is known who that is."""
        if sender is not None:
            if sender in self._senders:
                return
            self._senders.add(sender)
        self.responses.append(response)
        self._look()

    def _look(self) -> None:
        if self._expected is not None and len(self.responses) >= self._expected and not self._complete.done():
            self._complete.set_result(None)

    @property
    def missing(self) -> str:
        """Who has not answered, in words."""
        if self._expected is None:
            return "The other servers"
        return f"{self._expected - len(self.responses)} of {self._expected} other servers"

    async def all(self, count: Callable[[], Awaitable[int]]) -> None:
        """Wait for those of all the servers that `count` gives, this one among them. Raises ConnectionError."""
        self._expected = await count() - 1
        self._look()
        await self._complete


class Waiting:
    """All requests of one adapter that wait."""

    __slots__ = ("_asks", "_check", "_count", "_gatherings", "_tasks", "_timeout")

    def __init__(self, check: Callable[[], None], count: Callable[[], Awaitable[int]], timeout: float) -> None:
        """`check` raises ConnectionError while nobody can be asked: then nothing is sent, nor later.

        `count` gives how many servers there are, this one among them. `timeout` is how many seconds they have to
        answer, where a request says nothing of that.
        """
        self._check = check
        self._count = count
        self._timeout = timeout
        self._gatherings: dict[str, Gathering] = {}
        self._asks: dict[str, tuple[RemoteAnswers, set[str]]] = {}  # and which servers have asked their clients
        self._tasks: set[asyncio.Task[None]] = set()

    async def sockets(self, send: Callable[[str], None], timeout: float | None) -> list[Any]:
        """Ask for sockets, with a request under a new id. Raises ClusterTimeout with those that came."""
        answers, why = await self._gather(send, timeout)
        found = [socket for sockets in answers for socket in sockets]
        if why:
            raise ClusterTimeout(why, found)
        return found

    async def answers(self, send: Callable[[str], None], timeout: float | None) -> list[Any]:
        """Ask for an answer of each server, with a request under a new id. Raises AckTimeout with those that came."""
        answers, why = await self._gather(send, timeout)
        if why:
            raise AckTimeout(why, answers)
        return answers

    async def _gather(self, send: Callable[[str], None], timeout: float | None) -> tuple[list[Any], str]:
        """The responses; and if there should be more, why there are not."""
        seconds = self._timeout if timeout is None else timeout
        request_id = short_id()
        gathering = self._gatherings[request_id] = Gathering()
        try:
            self._check()
            send(request_id)
            async with asyncio.timeout(seconds):
                await gathering.all(self._count)
        except TimeoutError:
            return gathering.responses, f"{gathering.missing} did not answer within {seconds} s."
        except ConnectionError as error:
            return gathering.responses, f"The other servers cannot be asked: {brief(str(error))}."
        finally:
            del self._gatherings[request_id]
        return gathering.responses, ""

    def came(self, request_id: str, response: Any, sender: str | None = None) -> None:
        """A response, and the id of the server that sends it if it says so; one that nobody waits for is ignored."""
        gathering = self._gatherings.get(request_id)
        if gathering is not None:
            gathering.came(response, sender)

    def ask(self, send: Callable[[str], None], answers: RemoteAnswers) -> Callable[[], None]:
        """Send a request for acknowledgements under a new id; what is returned ends the waiting."""
        try:
            self._check()
        except ConnectionError:
            return lambda: None  # nobody knows how many there are: the time will run out
        request_id = short_id()
        self._asks[request_id] = answers, set()
        send(request_id)

        async def tell_how_many() -> None:
            with suppress(ConnectionError):  # nobody knows: the time will run out
                answers.expect_servers(await self._count() - 1)

        task = asyncio.get_running_loop().create_task(tell_how_many())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        def done() -> None:
            self._asks.pop(request_id, None)
            task.cancel()

        return done

    def server_asked(self, request_id: str, clients: int, sender: str | None = None) -> None:
        """A server, whose id is given if it says so, has asked so many clients; to say so again is ignored."""
        answers, senders = self._asks.get(request_id, (None, set[str]()))
        if answers is not None and sender not in senders:
            if sender is not None:
                senders.add(sender)
            answers.server_asked(clients)

    def answered(self, request_id: str, argument: Any) -> None:
        """A client of another server has acknowledged."""
        if (asked := self._asks.get(request_id)) is not None:
            asked[0].answered([argument])
