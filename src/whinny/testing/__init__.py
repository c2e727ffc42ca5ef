"""For the tests of apps: stand-ins that record, and a client without a network."""

from whinny.testing.client import Received, TestClient
from whinny.testing.controllers import create_controller
from whinny.testing.emission import Action, Emission
from whinny.testing.recording import RecordingSocket, RecordingWsServer

__all__ = [
    "Action",
    "Emission",
    "Received",
    "RecordingSocket",
    "RecordingWsServer",
    "TestClient",
    "create_controller",
]
