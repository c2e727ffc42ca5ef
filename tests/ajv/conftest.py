"""One Ajv for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ajv.reference import Reference


@pytest.fixture(scope="session")
def reference() -> Iterator[Reference]:
    """Ajv, running."""
    ajv = Reference()
    yield ajv
    ajv.close()
