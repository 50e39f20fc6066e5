"""Authentication by API keys as bearer tokens (RFC 6750), and authorisation by scope and tenant."""

from math import ceil
from typing import Annotated, Any
from uuid import UUID

from fastapi import HTTPException, Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from tasks.context import bind
from tasks.errors import NotFound
from tasks.interviews.interview import DEFAULT_TENANT
from worker.api.context import Context, ContextDep
from worker.ports import Scope
from worker.security.api_keys import ANYONE, Caller

_REALM = 'Bearer realm="interview-worker"'

_bearer = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="An API key from `interview-worker keys create`. Not needed when `AUTH` is `open`.",
)


def authorise(context: Context, authorization: str | None, *scopes: str) -> Caller:
    """Authenticate a request and check its scopes.

    Args:
        context: The adapters.
        authorization: The value of the `Authorization` header.
        scopes: The scopes that the route requires.

    Raises:
        HTTPException: 401 without a valid key, 403 if the key lacks a scope.
        Transient: The key store is unavailable.
    """
    if not context.settings.keys_required:
        return ANYONE
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise _refusal(401, "an API key is required: send `Authorization: Bearer …`", _REALM)
    caller = context.keys.caller(token.strip())
    if caller is None:
        challenge = f'{_REALM}, error="invalid_token"'
        raise _refusal(401, "the API key is invalid, expired or revoked", challenge)
    if not caller.may(*scopes):
        wanted = " ".join(scopes)
        challenge = f'{_REALM}, error="insufficient_scope", scope="{wanted}"'
        raise _refusal(403, f"an API key with the scope {wanted} is required", challenge)
    return caller


def _refusal(status: int, detail: str, challenge: str) -> HTTPException:
    return HTTPException(status, detail, {"WWW-Authenticate": challenge})


def _caller(
    request: Request,
    context: ContextDep,
    scopes: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    # `credentials` only documents the scheme in OpenAPI: it is None for any other scheme, so the
    # header is read directly.
    del credentials
    authorization = request.headers.get("authorization")
    try:
        caller = authorise(context, authorization, *scopes.scopes)
    except HTTPException:
        # Failed attempts count too, to slow down guessing of keys.
        _count(context, request, None)
        raise
    _count(context, request, caller.key)
    if caller.key is not None:
        bind(user_id=caller.key)
    return caller


def _count(context: Context, request: Request, key: str | None) -> None:
    if context.limit is None:
        return
    address = request.client.host if request.client else "unknown"
    wait = context.limit.take(f"key:{key}" if key else f"address:{address}")
    if wait:
        detail = f"the rate limit of {context.settings.rate_limit} requests per minute is exceeded"
        raise HTTPException(429, detail, {"Retry-After": str(ceil(wait))})


def _own_interview(
    interview_id: Annotated[UUID, Path(description="The interview's id")],
    context: ContextDep,
    caller: Annotated[Caller, Security(_caller)],
) -> str:
    """The id of an interview of the caller's tenant."""
    if context.stores.interviews.tenant_of(str(interview_id)) != caller.tenant:
        # The same response as for an unknown id, so that ids of other tenants are not disclosed.
        raise NotFound(f"there is no interview {interview_id}")
    return str(interview_id)


def require_operator(caller: Caller) -> None:
    """Refuse an admin of a tenant that does not run the service, for what concerns all tenants.

    Raises:
        HTTPException: 403.
    """
    if caller.tenant != DEFAULT_TENANT:
        raise HTTPException(
            403, f"this concerns all tenants: an admin of the tenant {DEFAULT_TENANT} is required"
        )


def _scoped(dependency: Any, *scopes: Scope) -> Any:
    return Security(dependency, scopes=list(scopes))


def _operator(caller: Annotated[Caller, _scoped(_caller, Scope.ADMIN)]) -> Caller:
    require_operator(caller)
    return caller


Reader = Annotated[Caller, _scoped(_caller, Scope.READ)]
Writer = Annotated[Caller, _scoped(_caller, Scope.WRITE)]
Remover = Annotated[Caller, _scoped(_caller, Scope.ERASE)]
Admin = Annotated[Caller, _scoped(_caller, Scope.ADMIN)]
Operator = Annotated[Caller, _scoped(_operator, Scope.ADMIN)]
# Of an operation that returns what it changed.
Editor = Annotated[Caller, _scoped(_caller, Scope.READ, Scope.WRITE)]

ReadId = Annotated[str, _scoped(_own_interview, Scope.READ)]
WriteId = Annotated[str, _scoped(_own_interview, Scope.WRITE)]
EditId = Annotated[str, _scoped(_own_interview, Scope.READ, Scope.WRITE)]
EraseId = Annotated[str, _scoped(_own_interview, Scope.ERASE)]
