"""Settings of logging in with an identity provider."""

import pytest
from pydantic import ValidationError

from gateway.settings import Settings

PLAIN = {"database_url": "postgresql://a:b@c/d"}
WHOLE = {
    **PLAIN,
    "oidc_issuer": "https://id.example.com",
    "oidc_client_id": "procurement",
    "oidc_client_secret": "secret",
    "oidc_redirect_url": "https://p.example.com/api/v1/auth/oidc/callback",
}


def test_a_whole_configuration_is_taken() -> None:
    assert Settings(**WHOLE, environment="production").oidc_issuer == "https://id.example.com"


@pytest.mark.parametrize("name", ["oidc_client_id", "oidc_client_secret", "oidc_redirect_url"])
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(ValidationError, match=f"GATEWAY_{name.upper()}"):
        Settings(**{**WHOLE, name: ""})


@pytest.mark.parametrize("name", ["oidc_issuer", "oidc_redirect_url"])
def test_production_needs_https(name: str) -> None:
    values = {**WHOLE, name: "http://id.example.com"}
    assert getattr(Settings(**values, environment="test"), name) == "http://id.example.com"
    with pytest.raises(ValidationError, match="https in production"):
        Settings(**values, environment="production")
