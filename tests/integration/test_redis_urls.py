"""The kinds of URL that operators write, each against a server of its kind, for hints and for events."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from imcore.errors import NotifierUnavailableError, QueueUnavailableError
from imcore.events import StopReply
from tests.contracts.notifiers import Heard, redis_rig
from tests.contracts.reply_queues import celery_rig
from tests.polling import eventually
from tests.servers import StartServer, ValkeyServer
from tests.servers.process import free_port, spawn


@pytest.fixture
def server(start_server: StartServer) -> Iterator[ValkeyServer]:
    server = start_server(ValkeyServer)
    assert isinstance(server, ValkeyServer)
    yield server
    server.close()


async def _works(url: str) -> None:
    """A hint and a request reach the other side."""
    async with celery_rig(url) as rig:
        await rig.listen()
        rig.queue.enqueue(["ada"])
        await eventually(lambda: rig.writers.sessions == ["ada"])
        assert await rig.queue.length() == 0
    heard = Heard()
    async with redis_rig(url) as notifiers:
        heard.listen_to(notifiers.far)
        await notifiers.start()
        notifiers.near.publish_request(StopReply("r-1"))
        await eventually(lambda: heard.requests)


async def test_user_password_and_database(server: ValkeyServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.acl_setuser("ada", enabled=True, passwords=["+p@ss;word"], commands=["+@all"], keys=["*"], channels=["*"])
        client.acl_setuser("default", enabled=False)
        client.close()
    await _works(f"redis://ada:p%40ss%3Bword@127.0.0.1:{server.port}/3")


async def test_sentinels_that_know_the_server(server: ValkeyServer, tmp_path: Path) -> None:
    sentinels = [free_port(), free_port()]
    processes = []
    for port in sentinels:
        config = tmp_path / f"{port}.conf"
        config.write_text(f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\nsentinel monitor chat 127.0.0.1 {server.port} 1\n")
        processes.append(spawn([server.binary.path, config, "--sentinel"], log=tmp_path / "log", death_signal=signal.SIGKILL))
    for port in sentinels:
        await eventually(lambda port=port: _answers(port))
    await _works(f"sentinel://127.0.0.1:{sentinels[0]};sentinel://127.0.0.1:{sentinels[1]}/2?master_name=chat")
    for process in processes:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with redis.Redis(port=port, retry=None) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


async def test_a_secure_connection_to_a_server_with_a_known_certificate(server: ValkeyServer, tmp_path: Path) -> None:
    async with _tls_in_front_of(server, tmp_path) as port:
        await _works(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path / 'certificate.pem'}")


async def test_a_server_with_an_unknown_certificate_is_refused(server: ValkeyServer, tmp_path: Path) -> None:
    async with _tls_in_front_of(server, tmp_path) as port:
        url = f"rediss://127.0.0.1:{port}/0"
        async with celery_rig(url) as rig, redis_rig(url) as notifiers:
            with pytest.raises(QueueUnavailableError, match="certificate"):
                await rig.queue.ping()
            with pytest.raises(NotifierUnavailableError, match="certificate"):
                await notifiers.near.ping()


@asynccontextmanager
async def _tls_in_front_of(server: ValkeyServer, folder: Path) -> AsyncIterator[int]:
    """The port of a proxy that ends TLS: the wheel's server is built without it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    pipes: set[asyncio.Task[None]] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server.port)
        for source, target in ((reader, server_writer), (server_reader, writer)):
            pipes.add(asyncio.create_task(_pipe(source, target)))

    proxy = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    yield proxy.sockets[0].getsockname()[1]
    proxy.close()
    await asyncio.gather(*pipes, return_exceptions=True)
    await proxy.wait_closed()


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    finally:
        target.close()


def _certificate(folder: Path) -> Path:
    """A file with a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
