"""What HTTP and WebSocket controllers share: services, hooks, validation, errors, settings."""

from whinny.framework.errors import INTERNAL_ERROR, render_error
from whinny.framework.hooks import Hook, HookDecorator, class_hooks, method_hooks
from whinny.framework.services import ServiceManager, dependency, find_services, services_of
from whinny.framework.settings import Settings
from whinny.framework.validation import SchemaValidator

__all__ = [
    "INTERNAL_ERROR",
    "Hook",
    "HookDecorator",
    "SchemaValidator",
    "ServiceManager",
    "Settings",
    "class_hooks",
    "dependency",
    "find_services",
    "method_hooks",
    "render_error",
    "services_of",
]
