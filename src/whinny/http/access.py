"""Hooks that let only some users through."""

from __future__ import annotations

import inspect
from typing import Any

from whinny.framework import HookDecorator, ServiceManager, check_text, kind
from whinny.http.context import Context
from whinny.http.decorators import hook
from whinny.http.response import HttpResponse, HttpResponseForbidden, HttpResponseRedirect, HttpResponseUnauthorized


def user_required(redirect_to: str | None = None) -> HookDecorator:
    """Lets requests through that have a user. Others are answered with 401, or redirected."""
    if redirect_to is not None:
        check_text(redirect_to, "user_required()", "a path to redirect to")

    def check_user(ctx: Context[Any], services: ServiceManager) -> HttpResponse | None:
        return _without_user(redirect_to) if ctx.user is None else None

    check_user.__qualname__ = "user_required"
    return hook(check_user)


def permission_required(name: str, redirect_to: str | None = None) -> HookDecorator:
    """Lets requests through whose user has a permission: `user.has_perm(name)`, `def` or `async def`.

    Without a user they are answered with 401, or redirected; without the permission with 403. A user without such a
    method is an error.
    """
    check_text(name, "permission_required(…)", "the name of a permission")
    if redirect_to is not None:
        check_text(redirect_to, "permission_required(…)", "a path to redirect to")

    async def check_permission(ctx: Context[Any], services: ServiceManager) -> HttpResponse | None:
        if ctx.user is None:
            return _without_user(redirect_to)
        has_perm = getattr(ctx.user, "has_perm", None)
        if not callable(has_perm):
            raise TypeError(f"permission_required needs a user with a method has_perm(name): it is {kind(ctx.user)}.")
        allowed = has_perm(name)
        if inspect.isawaitable(allowed):
            allowed = await allowed
        return None if allowed else HttpResponseForbidden()

    check_permission.__qualname__ = "permission_required"
    return hook(check_permission)


def _without_user(redirect_to: str | None) -> HttpResponse:
    return HttpResponseUnauthorized() if redirect_to is None else HttpResponseRedirect(redirect_to)
