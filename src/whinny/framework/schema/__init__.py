"""JSON Schema with the errors and the changes of Ajv 8."""

from whinny.framework.schema.places import pointer
from whinny.framework.schema.references import Schema
from whinny.framework.schema.validation import MOST_ERRORS, AjvError
from whinny.framework.schema.validator import LARGE, SchemaValidator

__all__ = ["LARGE", "MOST_ERRORS", "AjvError", "Schema", "SchemaValidator", "pointer"]
