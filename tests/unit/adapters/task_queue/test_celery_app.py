from __future__ import annotations

import pytest

from adapters.task_queue.celery_app import celery_app


def test_a_redis_url_is_taken_as_it_is() -> None:
    with celery_app("redis://ada:secret@host:6380/2") as app:
        connection = app.connection_for_write()
        assert (connection.hostname, connection.port, connection.userid, connection.virtual_host) == ("host", 6380, "ada", "2")


@pytest.mark.parametrize(("query", "checked"), [("", "CERT_REQUIRED"), ("?ssl_cert_reqs=none", "CERT_NONE")])
def test_a_secure_connection_verifies_the_server_unless_told_not_to(query: str, checked: str) -> None:
    with celery_app(f"rediss://host:6380/0{query}") as app:
        connection = app.connection_for_write()
        assert connection.transport_cls == "rediss"
        assert connection.ssl["ssl_cert_reqs"].name == checked


def test_sentinels_share_user_password_database_and_name() -> None:
    with celery_app("sentinel://ada:p%40ss@one:26379;sentinel://two:26380/3?master_name=chat") as app:
        connection = app.connection_for_write()
        assert connection.alt == ["sentinel://ada:p%40ss@one:26379/3", "sentinel://ada:p%40ss@two:26380/3"]
        assert (connection.userid, connection.password, connection.virtual_host) == ("ada", "p@ss", "3")
        assert connection.transport_options["master_name"] == "chat"


@pytest.mark.parametrize(
    "url", ["redis://a:6379,b:6379", "redis://a:6379;redis://b:6379", "redis://a;sentinel://b", "amqp://host", "redis://", ""]
)
def test_a_url_that_celery_cannot_use_is_refused_with_the_accepted_forms(url: str) -> None:
    with pytest.raises(ValueError, match="accepted are redis://"):
        celery_app(url)


def test_an_application_is_nobodys_default() -> None:
    from celery import current_app  # noqa: PLC0415  (it is made when it is first asked for)

    with celery_app("redis://host") as app:
        assert current_app._get_current_object() is not app
