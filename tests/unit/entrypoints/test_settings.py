import pytest

from entrypoints.settings import Settings, WrongSettingsError, load_settings

SECRET = "s" * 32


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Sets `IM_…` variables in an environment that has no others and no `.env`."""
    monkeypatch.chdir(tmp_path)

    def set_all(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"IM_{name}", value)

    return set_all


@pytest.mark.usefixtures("environment")
def test_nothing_is_needed_for_embedded_mode():
    settings = load_settings()
    assert settings.embedded
    assert settings.store_url == "sqlite:///imcore-data/imcore.db"


def test_an_empty_value_counts_as_not_set(environment):
    environment(REDIS_URL="", HISTORY_MESSAGES="")
    assert load_settings() == Settings()


def test_lists_are_comma_separated(environment):
    environment(LLM_FALLBACK_MODELS="a, b,", ALLOWED_ORIGINS="https://x.example")
    assert load_settings().llm_fallback_models == ("a", "b")
    assert load_settings().allowed_origins == ("https://x.example",)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("REDIS_URL", "http://localhost", "redis://host:6379/0"),
        ("DATABASE_URL", "oracle://x", "sqlite:///file.db"),
        ("LLM_BASE_URL", "localhost:8080", "http://"),
        ("JWT_SECRET", "short", "at least 32 bytes"),
        ("HISTORY_MESSAGES", "many", "valid integer"),
        ("HISTORY_MESSAGES", "0", "greater than or equal to 1"),
        ("REPLY_MODE", "slow", "'stream' or 'whole'"),
        ("DOUBLE_TEXTING", "shout", "'queue', 'interrupt', 'reject' or 'merge'"),
        ("RATE_LIMIT", "often", "60/minute"),
        ("LOG_LEVEL", "loud", "'DEBUG'"),
    ],
)
def test_a_wrong_setting_is_named_with_the_accepted_form(environment, name, value, says):
    environment(**{name: value})
    with pytest.raises(WrongSettingsError) as wrong:
        load_settings()
    assert wrong.value.detail.startswith(f"IM_{name}: ")
    assert says in wrong.value.detail
    assert "\n" not in wrong.value.detail


def test_every_wrong_setting_has_its_line(environment):
    environment(HISTORY_MESSAGES="x", LLM_TIMEOUT_S="-1")
    with pytest.raises(WrongSettingsError) as wrong:
        load_settings()
    assert [line.split(":")[0] for line in wrong.value.detail.splitlines()] == ["IM_LLM_TIMEOUT_S", "IM_HISTORY_MESSAGES"]


def test_many_processes_need_a_common_secret(environment):
    environment(REDIS_URL="redis://127.0.0.1:1/0")
    with pytest.raises(WrongSettingsError, match="IM_JWT_SECRET: needed with IM_REDIS_URL"):
        load_settings()
    environment(JWT_SECRET=SECRET)
    assert not load_settings().embedded


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("host", "is_on"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("192.0.2.1", False), ("10.0.0.1", False)]
)
def test_guests_are_let_in_on_loopback_only(host, is_on):
    assert load_settings().guest_access_on(host) is is_on


def test_guest_access_can_be_said_explicitly(environment):
    environment(GUEST_ACCESS="false")
    assert not load_settings().guest_access_on("127.0.0.1")
