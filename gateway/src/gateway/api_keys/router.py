"""Routes of API keys: everybody's own."""

from uuid import UUID

from fastapi import APIRouter, status

from gateway.api_keys.dependencies import ApiKeys, Holder
from gateway.api_keys.schemas import ApiKeyBody, CreateApiKeyBody, CreatedApiKeyBody
from gateway.api_keys.service import NewApiKey
from gateway.audit.dependencies import RequestOrigin
from gateway.dependencies import NewestFirst
from shared.web.pagination import Page

router = APIRouter(prefix="/v1/api-keys", tags=["api-keys"])


@router.post("", status_code=status.HTTP_201_CREATED, summary="Create an API key for yourself")
async def create_api_key(
    body: CreateApiKeyBody, keys: ApiKeys, holder: Holder, origin: RequestOrigin
) -> CreatedApiKeyBody:
    key, secret = await keys.create(NewApiKey(body.name, body.roles, body.expires_at), holder, origin)
    return CreatedApiKeyBody(api_key=ApiKeyBody.of(key), key=secret)


@router.get("", summary="List your API keys, newest first")
async def list_api_keys(keys: ApiKeys, holder: Holder, page: NewestFirst) -> Page[ApiKeyBody]:
    found = await keys.list_page(holder.user_id, limit=page.limit + 1, before=page.before)
    return page.shaped(found, ApiKeyBody.of)


@router.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Revoke an API key")
async def revoke_api_key(key_id: UUID, keys: ApiKeys, holder: Holder, origin: RequestOrigin) -> None:
    await keys.revoke(key_id, holder, origin)
