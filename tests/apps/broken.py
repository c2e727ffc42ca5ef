"""An app that cannot be imported."""

import surely_not_installed  # type: ignore[import-not-found]

app = surely_not_installed.app
