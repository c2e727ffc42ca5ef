"""The example's app, telling in its log of each password that it verifies: how the hash to verify it by is made."""

from __future__ import annotations

from examples.products.app import app
from pwdlib import PasswordHash

__all__ = ["app"]

_verify = PasswordHash.verify


def verify(self: PasswordHash, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
    way, _salt, _digest = str(hash).rsplit("$", 2)
    print(f"verifies by {way}")  # the algorithm and what it costs
    return _verify(self, password, hash)


PasswordHash.verify = verify  # type: ignore[method-assign]
