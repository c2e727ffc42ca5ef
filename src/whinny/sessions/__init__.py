"""Sessions of an app's clients, and where they are kept."""

from whinny.sessions.checks import check_session, check_store_given
from whinny.sessions.memory import MemoryStore
from whinny.sessions.session import CSRF_KEY, Session, Sessions, Timeouts
from whinny.sessions.store import SessionObserver, SessionState, Store
from whinny.sessions.tokens import session_id
from whinny.sessions.user import FindUser, UserFinder, user_finder

__all__ = [
    "CSRF_KEY",
    "FindUser",
    "MemoryStore",
    "Session",
    "SessionObserver",
    "SessionState",
    "Sessions",
    "Store",
    "Timeouts",
    "UserFinder",
    "check_session",
    "check_store_given",
    "session_id",
    "user_finder",
]
