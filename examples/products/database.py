"""The products' database: one table in an SQLite file, reached through SQLAlchemy's asyncio sessions."""

import os

from sqlalchemy import URL, String
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Knows all tables; the app makes them when it starts."""


class Product(Base):
    """A product. The client makes its `id`, so that it may safely ask again when it has heard no answer."""

    __tablename__ = "products"

    number: Mapped[int] = mapped_column(primary_key=True)  # counts up: the order of creation
    id: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str] = mapped_column(String(100))


file = os.getenv("PRODUCTS_DATABASE", "products.sqlite3")
engine = create_async_engine(URL.create("sqlite+aiosqlite", database=file))
new_session = async_sessionmaker(engine)
