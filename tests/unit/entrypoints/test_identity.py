import stat
import time
from datetime import datetime

import jwt
import pytest
from jwt import api_jwt

from entrypoints import identity
from entrypoints.identity import TRUST_S, Tokens, build_tokens
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


class Clock:
    """What time it is, for the tokens and for the library that checks them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time()
        clock = self

        class Datetime(datetime):
            @classmethod
            def now(cls, tz=None):
                return cls.fromtimestamp(clock.now, tz)

        monkeypatch.setattr(identity, "time", self)
        monkeypatch.setattr(api_jwt, "datetime", Datetime)

    def time(self) -> float:
        return self.now


async def test_an_expired_token_is_refused_although_it_was_verified_before(tokens, monkeypatch):
    clock = Clock(monkeypatch)
    token = signed(exp=clock.now + TRUST_S / 2)
    for _ in range(2):
        await tokens.verify(token)
    clock.now += TRUST_S / 2
    with pytest.raises(UnauthenticatedError, match="expired"):
        await tokens.verify(token)


async def test_a_token_whose_key_is_withdrawn_counts_only_as_long_as_it_is_trusted(tokens, monkeypatch):
    clock = Clock(monkeypatch)
    token = signed(exp=clock.now + 10 * TRUST_S)
    await tokens.verify(token)
    tokens._secret = "another" * 10
    clock.now += TRUST_S - 1
    assert (await tokens.verify(token)).user_id == "alice"
    clock.now += 1
    with pytest.raises(UnauthenticatedError):
        await tokens.verify(token)


async def test_a_rejected_token_is_not_kept_and_rejected_again(tokens):
    for token in [signed(secret="x" * 64), signed(exp=time.time() - 1), "noise"] * 2:
        with pytest.raises(UnauthenticatedError):
            await tokens.verify(token)
    with pytest.raises(InvalidUserIdError):
        await tokens.verify(signed(sub="a b"))
    assert tokens._verified == {}


async def test_what_is_kept_of_verified_tokens_is_bounded_however_long_they_are(tokens, monkeypatch):
    monkeypatch.setattr(identity, "MAX_VERIFIED", 3)
    for number in range(10):
        token = signed(sub=f"user{number}", groups=["x" * 1000])
        assert (await tokens.verify(token)).user_id == f"user{number}"
        assert 1 <= len(tokens._verified) <= 3
        assert {len(key) for key in tokens._verified} == {32}


async def test_embedded_mode_makes_its_secret_once_and_keeps_it_to_itself(tmp_path):
    settings = Settings(data_dir=tmp_path)
    token = build_tokens(settings).issue("alice")
    assert (await build_tokens(settings).verify(token)).user_id == "alice"
    assert stat.S_IMODE((tmp_path / "jwt-secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["jwt-secret"]
