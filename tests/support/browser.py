"""Debian's Chromium, headless, through Playwright."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright


def launch(playwright: Playwright) -> Browser:
    """A browser that asks nothing of the network but the pages that it is given; a context manager."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("These tests need the program `chromium`: run `make test`, or install it (Debian: chromium).")
    return playwright.chromium.launch(
        executable_path=chromium,
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    )
