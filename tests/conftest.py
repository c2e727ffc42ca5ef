"""The event loop of the tests that need a running one, and what keeps all tests fast."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings

settings.register_profile("whinny", deadline=None)  # no test fails by time: a busy machine is no defect
settings.load_profile("whinny")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_finish() -> None:
    """Have no garbage collection look again at the thousands of tests, which stay to the end."""
    gc.collect()
    gc.freeze()
