import stat
import time

import jwt
import pytest

from entrypoints.identity import Tokens, build_tokens
from entrypoints.settings import Settings
from imcore.errors import InvalidUserIdError, UnauthenticatedError

SECRET = "s" * 64


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(secret=SECRET)


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    return jwt.encode({"sub": "alice", "exp": time.time() + 60, **claims}, secret, algorithm=algorithm)


async def test_an_issued_token_names_its_user(tokens):
    identity = await tokens.verify(tokens.issue("alice", 60))
    assert identity.user_id == "alice"
    assert 0 < identity.expires_at - time.time() <= 60


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        signed(exp=time.time() - 1),
        signed(secret="x" * 64),
        signed(algorithm="HS512"),
        jwt.encode({"sub": "alice"}, SECRET),
        jwt.encode({"exp": time.time() + 60}, SECRET),
        jwt.encode({"sub": "alice", "exp": time.time() + 60}, None, algorithm="none"),
    ],
    ids=["empty", "noise", "three parts", "expired", "other secret", "other algorithm", "no exp", "no sub", "unsigned"],
)
async def test_a_token_that_proves_nothing_is_refused(tokens, token):
    with pytest.raises(UnauthenticatedError):
        await tokens.verify(token)


@pytest.mark.parametrize("sub", ["a:b", "", "x" * 49, "a b"])
async def test_a_genuine_token_with_another_kind_of_sub_is_forbidden(tokens, sub):
    with pytest.raises(InvalidUserIdError):
        await tokens.verify(signed(sub=sub))


async def test_audience_and_issuer_are_checked_where_they_are_set():
    tokens = Tokens(secret=SECRET, audience="chat", issuer="us")
    assert (await tokens.verify(tokens.issue("alice"))).user_id == "alice"
    for wrong in (signed(), signed(aud="chat"), signed(iss="us", aud="mail")):
        with pytest.raises(UnauthenticatedError):
            await tokens.verify(wrong)


async def test_embedded_mode_makes_its_secret_once_and_keeps_it_to_itself(tmp_path):
    settings = Settings(data_dir=tmp_path)
    token = build_tokens(settings).issue("alice")
    assert (await build_tokens(settings).verify(token)).user_id == "alice"
    assert stat.S_IMODE((tmp_path / "jwt-secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["jwt-secret"]
