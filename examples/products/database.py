"""The page's database: its tables in an SQLite file, reached through SQLAlchemy's asyncio sessions."""

import os

from sqlalchemy import URL, String
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Knows all tables but that of the sessions."""


class Product(Base):
    """A product. The client makes its `id`, so that it may safely ask again when it has heard no answer."""

    __tablename__ = "products"

    number: Mapped[int] = mapped_column(primary_key=True)  # counts up: the order of creation
    id: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str] = mapped_column(String(100))


class User(Base):
    """Somebody who may log in. `key` is the name as names are compared: no two users have the same."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]  # its Argon2 hash


file = os.getenv("PRODUCTS_DATABASE", "products.sqlite3")
engine = create_async_engine(URL.create("sqlite+aiosqlite", database=file))
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Database:
    """A service: the tables are there before the first request, and the file is closed after the last."""

    async def boot(self) -> None:
        """Make the tables that are missing."""
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    async def close(self) -> None:
        """Close the file."""
        await engine.dispose()
