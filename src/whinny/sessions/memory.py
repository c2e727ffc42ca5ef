"""Sessions in the memory of this process: for tests and for trying things out, since a restart forgets them all."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from whinny.errors import SessionAlreadyExists
from whinny.sessions.store import SessionState, Store

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(SessionState).decode


class MemoryStore(Store):
    """Keeps sessions as JSON, so that nobody changes what is kept without a write, as in other stores."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def save(self, state: SessionState, idle: float) -> None:
        """Keep a new session."""
        if state.id in self._kept:
            raise SessionAlreadyExists(f"There is a session {state.id} already.")
        self._kept[state.id] = _encode(state)

    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        """The session."""
        kept = self._kept.get(id)
        return None if kept is None else _decode(kept)

    async def update(self, state: SessionState, idle: float) -> bool:
        """Write a session."""
        return await self.replace(state.id, state, idle)

    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        """Write the time of the last use."""
        state = await self.read(id)
        if state is None:
            return False
        self._kept[id] = _encode(msgspec.structs.replace(state, updated_at=max(updated_at, state.updated_at)))
        return True

    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        """Keep a session in the place of another."""
        old = await self.read(id)
        if old is None or old.version != state.version - 1:
            return False
        encoded = _encode(state)
        del self._kept[id]
        self._kept[state.id] = encoded
        return True

    async def destroy(self, id: str) -> bool:  # noqa: A002
        """Forget a session."""
        return self._kept.pop(id, None) is not None

    async def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        """Forget those that have expired."""
        states = [_decode(kept) for kept in self._kept.values()]
        ended = [each.id for each in states if each.updated_at <= idle_since or each.created_at <= created_before]
        for id_ in ended:
            del self._kept[id_]
        return ended
