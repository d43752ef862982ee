"""Routes of API keys: everybody's own, and for administrators those of anybody."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, status

from gateway.api_keys.dependencies import ApiKeys, Holder, KnownServices
from gateway.api_keys.schemas import ApiKeyBody, ChangeApiKeyBody, CreateApiKeyBody, CreatedApiKeyBody, RotationBody
from gateway.audit.dependencies import RequestActor, RequestOrigin
from gateway.dependencies import NewestFirst
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page

router = APIRouter(tags=["api-keys"])


@router.post("/v1/api-keys", status_code=status.HTTP_201_CREATED, summary="Create an API key for yourself")
async def create_api_key(
    body: CreateApiKeyBody, keys: ApiKeys, holder: Holder, origin: RequestOrigin, services: KnownServices
) -> CreatedApiKeyBody:
    key, secret = await keys.create(body.terms(holder.roles), holder, origin, services)
    return CreatedApiKeyBody(api_key=ApiKeyBody.of(key), key=secret)


@router.get("/v1/api-keys", summary="List your API keys, newest first")
async def list_api_keys(keys: ApiKeys, holder: Holder, page: NewestFirst) -> Page[ApiKeyBody]:
    found = await keys.list_page(holder.user_id, limit=page.limit + 1, before=page.before)
    return page.shaped(found, ApiKeyBody.of)


@router.patch("/v1/api-keys/{key_id}", summary="Rename an API key or change what it may")
async def change_api_key(
    key_id: UUID, body: ChangeApiKeyBody, keys: ApiKeys, holder: Holder, origin: RequestOrigin, services: KnownServices
) -> ApiKeyBody:
    """What the key may changes within five seconds."""
    return ApiKeyBody.of(await keys.change(key_id, body.changes(), holder, origin, services))


@router.post("/v1/api-keys/{key_id}/rotation", summary="Exchange an API key's secret")
async def rotate_api_key(
    key_id: UUID, keys: ApiKeys, holder: Holder, origin: RequestOrigin, body: RotationBody | None = None
) -> CreatedApiKeyBody:
    """The old secret works for a grace period longer; rotating again within it ends the oldest one at once."""
    grace = timedelta(seconds=(body or RotationBody.model_validate({})).grace_seconds)
    key, secret = await keys.rotate(key_id, grace, holder, origin)
    return CreatedApiKeyBody(api_key=ApiKeyBody.of(key), key=secret)


@router.delete("/v1/api-keys/{key_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Revoke an API key")
async def revoke_api_key(key_id: UUID, keys: ApiKeys, holder: Holder, origin: RequestOrigin) -> None:
    await keys.revoke(key_id, holder, origin)


@router.get("/v1/users/{user_id}/api-keys", summary="List a user's API keys, newest first")
async def list_api_keys_of_user(
    user_id: UUID, keys: ApiKeys, caller: CallerIdentity, page: NewestFirst
) -> Page[ApiKeyBody]:
    caller.require_role("admin")
    return page.shaped(await keys.list_page_of(user_id, limit=page.limit + 1, before=page.before), ApiKeyBody.of)


@router.delete(
    "/v1/users/{user_id}/api-keys",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Revoke all of a user's API keys",
)
async def revoke_api_keys_of_user(
    user_id: UUID, keys: ApiKeys, caller: CallerIdentity, actor: RequestActor, origin: RequestOrigin
) -> None:
    caller.require_role("admin")
    await keys.revoke_all_of(user_id, actor, origin)
