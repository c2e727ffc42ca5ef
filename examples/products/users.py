"""The users and their passwords."""

import asyncio
import secrets
from unicodedata import normalize

from pwdlib import PasswordHash
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from examples.products.database import Database, User, new_session
from whinny import ServiceManager, dependency


class Users:
    """A service: the users."""

    database = dependency(Database)

    def __init__(self) -> None:
        self._passwords = PasswordHash.recommended()
        self._hash_of_nobody = self._passwords.hash(secrets.token_bytes())
        self._turn = asyncio.Semaphore(2)  # a hash takes much memory and all of a processor, on purpose

    async def find(self, id: int) -> User | None:  # noqa: A002
        """The user of an id."""
        # A client that leaves cancels what is done to let it in, but a query in SQLite must be finished: one that is
        # cancelled leaves its lock behind.
        return await asyncio.shield(self._find(id))

    async def _find(self, id: int) -> User | None:  # noqa: A002
        async with new_session() as session:
            return await session.get(User, id)

    async def create(self, name: str, password: str) -> User | None:
        """A new user; None when the name is taken."""
        async with self._turn:
            hashed = await asyncio.to_thread(self._passwords.hash, _in_bytes(password))
        user = User(name=name, key=_key(name), password=hashed)
        try:
            async with new_session.begin() as session:
                session.add(user)
        except IntegrityError:
            return None
        return user

    async def check(self, name: str, password: str) -> User | None:
        """The user with this name and password. It takes as long for a name that nobody has."""
        async with new_session() as session:
            user = await session.scalar(select(User).where(User.key == _key(name)))
        hashed = self._hash_of_nobody if user is None else user.password
        async with self._turn:
            fits = await asyncio.to_thread(self._passwords.verify, _in_bytes(password), hashed)
        return user if fits else None


async def find_user(id: int, services: ServiceManager) -> User | None:  # noqa: A002
    """The user of a session."""
    return await services.get(Users).find(id)


def _key(name: str) -> str:
    return normalize("NFKC", name).casefold()


def _in_bytes(password: str) -> bytes:
    """The same for all ways in which a keyboard may write the same characters."""
    return normalize("NFKC", password).encode("utf-8", "surrogatepass")
