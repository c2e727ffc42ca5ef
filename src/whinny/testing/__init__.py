"""For the tests of apps: stand-ins that record, a client without a network, and the checks of a store."""

from whinny.testing.client import Received, TestClient
from whinny.testing.controllers import create_controller
from whinny.testing.emission import Action, Emission
from whinny.testing.recording import RecordingSocket, RecordingWsServer
from whinny.testing.stores import check_store

__all__ = [
    "Action",
    "Emission",
    "Received",
    "RecordingSocket",
    "RecordingWsServer",
    "TestClient",
    "check_store",
    "create_controller",
]
