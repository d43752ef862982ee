"""Routes of users, for administrators."""

from uuid import UUID

from fastapi import APIRouter, Response, status

from gateway.audit.dependencies import RequestActor, RequestOrigin
from gateway.dependencies import NewestFirst
from gateway.users.dependencies import AccountUrl, Links, Users
from gateway.users.schemas import ChangeUserBody, CreatedUserBody, CreateUserBody, OneTimeLinkBody, UserBody
from gateway.users.service.people import NewUser, UserChanges
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page

router = APIRouter(prefix="/v1/users", tags=["users"])


@router.post("", status_code=status.HTTP_201_CREATED, summary="Create a user, or invite one")
async def create_user(
    body: CreateUserBody,
    response: Response,
    users: Users,
    caller: CallerIdentity,
    actor: RequestActor,
    origin: RequestOrigin,
    account_url: AccountUrl,
) -> CreatedUserBody:
    """Without a password the answer holds an invitation, shown once and valid for 72 hours."""
    caller.require_role("admin")
    password = body.password.get_secret_value() if body.password is not None else None
    scope = body.scope.scope if body.scope is not None else None
    user, invitation = await users.create(NewUser(body.email, body.name, password, body.roles, scope), actor, origin)
    response.headers["Location"] = f"/v1/users/{user.id}"
    return CreatedUserBody.created(user, invitation, account_url)


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
        scope=body.scope.scope if body.scope is not None else None,
        active=body.active,
        password=body.password.get_secret_value() if body.password is not None else None,
    )
    return UserBody.of(await users.update(user_id, changes, actor, origin))


@router.post("/{user_id}/invitation", status_code=status.HTTP_201_CREATED, summary="Invite a user again")
async def invite_user_again(
    user_id: UUID,
    links: Links,
    caller: CallerIdentity,
    actor: RequestActor,
    origin: RequestOrigin,
    account_url: AccountUrl,
) -> OneTimeLinkBody:
    """For 72 hours; the earlier invitation works no longer."""
    caller.require_role("admin")
    return OneTimeLinkBody.of(await links.invite_again(user_id, actor, origin), account_url)


@router.post("/{user_id}/password-reset", status_code=status.HTTP_201_CREATED, summary="Make a link for a new password")
async def make_password_reset(
    user_id: UUID,
    links: Links,
    caller: CallerIdentity,
    actor: RequestActor,
    origin: RequestOrigin,
    account_url: AccountUrl,
) -> OneTimeLinkBody:
    """For one hour; the current password works until the link is used."""
    caller.require_role("admin")
    return OneTimeLinkBody.of(await links.make_reset(user_id, actor, origin), account_url)
