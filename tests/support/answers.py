"""What a client reads of an error that nobody caught, with `debug` off."""

from __future__ import annotations

MASKED_ERROR = {"code": "INTERNAL_SERVER_ERROR", "message": "An internal server error has occurred."}
MASKED = {"status": "error", "error": MASKED_ERROR}
