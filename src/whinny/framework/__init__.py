"""What HTTP and WebSocket controllers share: services, hooks, routing, the pipeline, validation, errors, settings."""

from whinny.framework.controller_schema import schema_for
from whinny.framework.controllers import (
    ControllerMethod,
    ControllerNode,
    SubController,
    controller_tree,
    marked_methods,
)
from whinny.framework.errors import INTERNAL_ERROR, ErrorHandler, render_error
from whinny.framework.hooks import BoundHook, ControllerHook, Hook, HookDecorator, bind_hook, waits
from whinny.framework.payload import Converter, converter_for, straight_decoder_for
from whinny.framework.pipeline import Pipeline, Responses, kind
from whinny.framework.run import AnsweringRun, Run
from whinny.framework.schema import AjvError, Schema, SchemaValidator
from whinny.framework.services import ServiceManager, dependency, find_services, services_of
from whinny.framework.settings import SameSite, Settings
from whinny.framework.signatures import count_positional, resolve, signature_of

__all__ = [
    "INTERNAL_ERROR",
    "AjvError",
    "AnsweringRun",
    "BoundHook",
    "ControllerHook",
    "ControllerMethod",
    "ControllerNode",
    "Converter",
    "ErrorHandler",
    "Hook",
    "HookDecorator",
    "Pipeline",
    "Responses",
    "Run",
    "SameSite",
    "Schema",
    "SchemaValidator",
    "ServiceManager",
    "Settings",
    "SubController",
    "bind_hook",
    "controller_tree",
    "converter_for",
    "count_positional",
    "dependency",
    "find_services",
    "kind",
    "marked_methods",
    "render_error",
    "resolve",
    "schema_for",
    "services_of",
    "signature_of",
    "straight_decoder_for",
    "waits",
]
