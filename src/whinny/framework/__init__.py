"""What HTTP and WebSocket controllers share: services, hooks, routing, the pipeline, validation, errors, settings."""

from whinny.framework.controller_schema import schema_for
from whinny.framework.controllers import (
    ControllerMethod,
    ControllerNode,
    SubController,
    controller_tree,
    marked_methods,
)
from whinny.framework.decorators import (
    check_text,
    first_function_of,
    functions_of,
    make_hook,
    mark_method,
    merged,
    refuse_uncalled,
)
from whinny.framework.errors import INTERNAL_ERROR, ErrorHandler, render_error
from whinny.framework.hooks import BoundHook, ControllerHook, Hook, HookDecorator, HungHook, bind_hook, hook_name, waits
from whinny.framework.kinds import ControllerKind, mark_of
from whinny.framework.methods import Taken, check_error_handler, check_order, names_of, taken_by
from whinny.framework.payload import Converter, converter_for, straight_decoder_for
from whinny.framework.pipeline import Pipeline, Responses, kind
from whinny.framework.run import AnsweringRun, Run
from whinny.framework.schema import AjvError, Schema, SchemaValidator
from whinny.framework.services import ServiceManager, dependency, find_services, services_of
from whinny.framework.settings import SameSite, Settings
from whinny.framework.signatures import count_positional, shown, signature_of

__all__ = [
    "INTERNAL_ERROR",
    "AjvError",
    "AnsweringRun",
    "BoundHook",
    "ControllerHook",
    "ControllerKind",
    "ControllerMethod",
    "ControllerNode",
    "Converter",
    "ErrorHandler",
    "Hook",
    "HookDecorator",
    "HungHook",
    "Pipeline",
    "Responses",
    "Run",
    "SameSite",
    "Schema",
    "SchemaValidator",
    "ServiceManager",
    "Settings",
    "SubController",
    "Taken",
    "bind_hook",
    "check_error_handler",
    "check_order",
    "check_text",
    "controller_tree",
    "converter_for",
    "count_positional",
    "dependency",
    "find_services",
    "first_function_of",
    "functions_of",
    "hook_name",
    "kind",
    "make_hook",
    "mark_method",
    "mark_of",
    "marked_methods",
    "merged",
    "names_of",
    "refuse_uncalled",
    "render_error",
    "schema_for",
    "services_of",
    "shown",
    "signature_of",
    "straight_decoder_for",
    "taken_by",
    "waits",
]
