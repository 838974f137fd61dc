from __future__ import annotations

import pytest

from adapters.sql.engine import driver_url, open_engines


@pytest.mark.parametrize(
    ("public", "driver"),
    [
        ("sqlite:///some/im.db", "sqlite+aiosqlite"),
        ("postgresql://u:p@h/n", "postgresql+psycopg"),
        ("postgres://u:p@h/n", "postgresql+psycopg"),
        ("mysql://u:p@h/n", "mysql+asyncmy"),
        ("mariadb://u:p@h/n", "mysql+asyncmy"),
    ],
)
def test_the_driver_is_chosen_by_us(public: str, driver: str) -> None:
    assert driver_url(public).drivername == driver


@pytest.mark.parametrize(
    "public", ["", "im.db", "oracle://u:secret@h/n", "postgresql+asyncpg://u:secret@h/n", "sqlite://", "sqlite:///:memory:"]
)
def test_another_url_is_refused_with_the_accepted_forms_and_without_its_password(public: str) -> None:
    with pytest.raises(ValueError, match="accepted are sqlite:///") as refused:
        driver_url(public)
    assert "secret" not in str(refused.value)


def test_what_a_url_says_besides_is_kept() -> None:
    url = driver_url("postgresql://u:p%40ss@h:6543/n?sslmode=require")
    assert (url.password, url.port, url.query["sslmode"]) == ("p@ss", 6543, "require")


def test_opening_engines_connects_to_nothing() -> None:
    engines = open_engines("postgresql://nobody@127.0.0.1:1/none", application_name="imcore-test")
    assert engines.connection_counts() == {"in_use": 0, "idle": 0}
