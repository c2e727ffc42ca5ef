"""HTTP controllers over Starlette, with the hooks, the services and the validation of the WebSocket ones."""

try:
    from whinny.http.access import permission_required, user_required
    from whinny.http.app import create_app
    from whinny.http.context import Context
    from whinny.http.cookie import Cookie
    from whinny.http.decorators import (
        PostFunction,
        controller,
        delete,
        get,
        get_hook_function,
        get_hook_functions,
        head,
        hook,
        merge_hooks,
        options,
        patch,
        post,
        put,
    )
    from whinny.http.errors import render_http_error
    from whinny.http.response import (
        HttpResponse,
        HttpResponseBadRequest,
        HttpResponseClientError,
        HttpResponseConflict,
        HttpResponseCreated,
        HttpResponseForbidden,
        HttpResponseInternalServerError,
        HttpResponseMethodNotAllowed,
        HttpResponseMovedPermanently,
        HttpResponseNoContent,
        HttpResponseNotFound,
        HttpResponseNotImplemented,
        HttpResponseOK,
        HttpResponseRedirect,
        HttpResponseRedirection,
        HttpResponseServerError,
        HttpResponseSuccess,
        HttpResponseTooManyRequests,
        HttpResponseUnauthorized,
    )
    from whinny.http.sessions import use_sessions
    from whinny.http.validation import (
        validate_body,
        validate_cookies,
        validate_headers,
        validate_path_params,
        validate_query,
    )
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "starlette":
        raise
    raise ModuleNotFoundError('whinny.http needs Starlette: pip install "whinny[http]"', name=error.name) from error

__all__ = [
    "Context",
    "Cookie",
    "HttpResponse",
    "HttpResponseBadRequest",
    "HttpResponseClientError",
    "HttpResponseConflict",
    "HttpResponseCreated",
    "HttpResponseForbidden",
    "HttpResponseInternalServerError",
    "HttpResponseMethodNotAllowed",
    "HttpResponseMovedPermanently",
    "HttpResponseNoContent",
    "HttpResponseNotFound",
    "HttpResponseNotImplemented",
    "HttpResponseOK",
    "HttpResponseRedirect",
    "HttpResponseRedirection",
    "HttpResponseServerError",
    "HttpResponseSuccess",
    "HttpResponseTooManyRequests",
    "HttpResponseUnauthorized",
    "PostFunction",
    "controller",
    "create_app",
    "delete",
    "get",
    "get_hook_function",
    "get_hook_functions",
    "head",
    "hook",
    "merge_hooks",
    "options",
    "patch",
    "permission_required",
    "post",
    "put",
    "render_http_error",
    "use_sessions",
    "user_required",
    "validate_body",
    "validate_cookies",
    "validate_headers",
    "validate_path_params",
    "validate_query",
]
