"""Routes of users, for administrators."""

from uuid import UUID

from fastapi import APIRouter, Response, status

from gateway.audit.dependencies import RequestActor, RequestOrigin
from gateway.dependencies import NewestFirst
from gateway.users.dependencies import Users
from gateway.users.schemas import ChangeUserBody, CreateUserBody, UserBody
from gateway.users.service import NewUser, UserChanges
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page

router = APIRouter(prefix="/v1/users", tags=["users"])


@router.post("", status_code=status.HTTP_201_CREATED, summary="Create a user")
async def create_user(
    body: CreateUserBody,
    response: Response,
    users: Users,
    caller: CallerIdentity,
    actor: RequestActor,
    origin: RequestOrigin,
) -> UserBody:
    caller.require_role("admin")
    new = NewUser(body.email, body.name, body.password.get_secret_value(), body.roles)
    user = await users.create(new, actor, origin)
    response.headers["Location"] = f"/v1/users/{user.id}"
    return UserBody.of(user)


@router.get("", summary="List users, newest first")
async def list_users(users: Users, caller: CallerIdentity, page: NewestFirst) -> Page[UserBody]:
    caller.require_role("admin")
    return page.shaped(await users.list_page(limit=page.limit + 1, before=page.before), UserBody.of)


@router.get("/{user_id}", summary="Describe a user")
async def get_user(user_id: UUID, users: Users, caller: CallerIdentity) -> UserBody:
    caller.require_role("admin")
    return UserBody.of(await users.get(user_id))


@router.patch("/{user_id}", summary="Change a user; a new password or deactivation ends their sessions")
async def change_user(
    user_id: UUID,
    body: ChangeUserBody,
    users: Users,
    caller: CallerIdentity,
    actor: RequestActor,
    origin: RequestOrigin,
) -> UserBody:
    caller.require_role("admin")
    changes = UserChanges(
        name=body.name,
        roles=body.roles,
        active=body.active,
        password=body.password.get_secret_value() if body.password is not None else None,
    )
    return UserBody.of(await users.update(user_id, changes, actor, origin))
