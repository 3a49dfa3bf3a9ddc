# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Tokens and certificates, as a gateway asks for them."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw import patient
from spanqueue import TLS, Client, Denied, JobState, Unavailable, Worker
from spanqueue.testing import Gateway, running, wait_for, wait_until


def new_token() -> str:
    return "spanq_" + base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


class Guarded:
    """A gateway that wants a client certificate and a token, and those that it knows."""

    def __init__(self, store: str, folder: Path) -> None:
        self._folder = folder
        self.producer, self.worker, self.admin = new_token(), new_token(), new_token()
        users = folder / "users"
        users.touch(mode=0o600)
        self._users = users
        self.let_in("shop", "mailer", "ada", "robot")
        self.ca = self._authority("ca")
        self.other_ca = self._authority("other")
        server, client = self._certificate("server", "ca"), self._certificate("client", "ca")
        stranger, robot = self._certificate("stranger", "other"), self._certificate("robot", "ca")
        self.tls = TLS(ca=self.ca, certificate=client[0], key=client[1])
        self.robots = TLS(ca=self.ca, certificate=robot[0], key=robot[1])
        self.without_certificate = TLS(ca=self.ca)
        self.strangers = TLS(ca=self.ca, certificate=stranger[0], key=stranger[1])
        self.distrusting = TLS(ca=self.other_ca, certificate=client[0], key=client[1])
        files = {"--tls-cert": server[0], "--tls-key": server[1], "--tls-client-ca": self.ca, "--users": users}
        arguments = [str(word) for pair in files.items() for word in pair]
        self.gateway = Gateway(store, arguments=arguments, log=folder / "log")

    def let_in(self, *names: str) -> None:
        """Writes the file of users anew, with these alone."""
        lines = {
            "shop": ("producer shop-*", self.producer),
            "mailer": ("worker shop-*", self.worker),
            "ada": ("admin *", self.admin),
            "robot": ("producer robot-*", None),
        }
        text = ""
        for name in names:
            rights, token = lines[name]
            text += f"{name} {rights} {hashlib.sha256(token.encode()).hexdigest() if token else '-'}\n"
        self._users.write_text(text)

    def renew(self) -> None:
        """The gateway's certificate and key, in the files that it was given."""
        self._certificate("server", "ca")

    def shown(self) -> bytes:
        """The certificate that the gateway shows a new connection."""
        context = ssl.create_default_context(cafile=self.ca)
        assert self.tls.certificate is not None
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        context.set_alpn_protocols(["h2"])
        host, _, port = self.gateway.address.rpartition(":")
        with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
            return secure.getpeercert(binary_form=True) or b""

    def _authority(self, name: str) -> Path:
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
        return self._folder / f"{name}.pem"

    def _certificate(self, name: str, authority: str) -> tuple[Path, Path]:
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                      "-days", "2", "-copy_extensions", "copy", "-out", f"{name}.pem")  # fmt: skip
        return self._folder / f"{name}.pem", self._folder / f"{name}.key"

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)

    def client(self, token: str | None, tls: TLS | None = None, *, timeout: float = 10) -> Client:
        return Client(self.gateway.address, token=token, tls=tls or self.tls, timeout=timeout)


@pytest.fixture(scope="module")
def guarded(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(store, tmp_path_factory.mktemp("guarded"))
    yield guarded
    guarded.gateway.close()


def test_with_certificate_and_token_jobs_go_and_come(guarded: Guarded, queue: str) -> None:
    queue = f"shop-{queue}"
    worker = Worker(guarded.gateway.address, queues=queue, token=guarded.worker, tls=guarded.tls)
    worker.handle("job", lambda context: None)
    with guarded.client(guarded.producer) as shop, guarded.client(guarded.admin) as ada, running(worker):
        id = shop.enqueue("job", queue=queue).id
        assert wait_for(ada, id, queue=queue).state == JobState.COMPLETED


@pytest.mark.parametrize("token", ["", "no token at all", new_token()], ids=["none", "malformed", "unknown"])
def test_who_has_no_good_token_is_turned_away(guarded: Guarded, queue: str, token: str) -> None:
    with guarded.client(token) as client, pytest.raises(Denied) as denied:
        client.enqueue("job", queue=f"shop-{queue}")
    assert not denied.value.may_have_run and "spanq_" not in str(denied.value)


def test_a_token_is_good_for_its_queues_and_its_role(guarded: Guarded, queue: str) -> None:
    with guarded.client(guarded.producer) as shop:
        with pytest.raises(Denied):
            shop.enqueue("job", queue=queue)
    for token, name in [(guarded.producer, f"shop-{queue}"), (guarded.worker, queue), (new_token(), f"shop-{queue}")]:
        worker = Worker(guarded.gateway.address, queues=name, token=token, tls=guarded.tls)
        worker.handle("job", lambda context: None)
        with pytest.raises(Denied):
            worker.run(signals=False)


@pytest.mark.parametrize("which", ["without_certificate", "strangers", "distrusting"])
def test_without_certificates_that_both_sides_trust_there_is_no_connection(guarded: Guarded, queue: str, which: str) -> None:
    with guarded.client(guarded.admin, getattr(guarded, which), timeout=0.8) as client, pytest.raises(Unavailable):
        client.enqueue("job", queue=queue)


def test_a_gateway_is_known_by_its_name(guarded: Guarded, queue: str) -> None:
    tls = TLS(ca=guarded.ca, certificate=guarded.tls.certificate, key=guarded.tls.key, server_name="elsewhere.example")
    with guarded.client(guarded.admin, tls, timeout=0.8) as client, pytest.raises(Unavailable):
        client.enqueue("job", queue=queue)


def test_a_certificate_stands_for_its_name_where_there_is_no_token(guarded: Guarded, queue: str) -> None:
    with guarded.client("", guarded.robots) as robot:
        assert robot.enqueue("job", queue=f"robot-{queue}").state == JobState.READY
        with pytest.raises(Denied):
            robot.enqueue("job", queue=f"shop-{queue}")
    # A token goes before it, and a wrong one is refused.
    with guarded.client(guarded.producer, guarded.robots) as shop:
        assert shop.enqueue("job", queue=f"shop-{queue}").state == JobState.READY
        with pytest.raises(Denied):
            shop.enqueue("job", queue=f"robot-{queue}")
    with guarded.client(new_token(), guarded.robots) as wrong, pytest.raises(Denied):
        wrong.enqueue("job", queue=f"robot-{queue}")


def test_a_renewed_certificate_counts_for_new_connections(guarded: Guarded, queue: str) -> None:
    with guarded.client(guarded.producer) as old:
        old.enqueue("job", queue=f"shop-{queue}")
        before = guarded.shown()
        guarded.renew()
        wait_until(lambda: guarded.shown() != before, "the new certificate is shown")
        with guarded.client(guarded.producer) as new:
            for client in (old, new):
                assert client.enqueue("job", queue=f"shop-{queue}").state == JobState.READY


def test_a_worker_that_is_taken_out_of_the_file_gets_no_more_jobs(guarded: Guarded, queue: str) -> None:
    queue = f"shop-{queue}"
    worker = Worker(guarded.gateway.address, queues=queue, token=guarded.worker, tls=guarded.tls)
    worker.handle("job", lambda context: None)
    try:
        with guarded.client(guarded.producer) as shop, guarded.client(guarded.admin) as ada, running(worker):
            first = shop.enqueue("job", queue=queue).id
            assert wait_for(ada, first, queue=queue).state == JobState.COMPLETED
            # Its stream is open, and idle. The file is looked at once a second.
            guarded.let_in("shop", "ada", "robot")
            time.sleep(1.2)
            second = shop.enqueue("job", queue=queue).id
            time.sleep(0.7)
            assert ada.get(second, queue=queue).state == JobState.READY
            guarded.let_in("shop", "mailer", "ada", "robot")
            assert wait_for(ada, second, queue=queue).state == JobState.COMPLETED
    finally:
        guarded.let_in("shop", "mailer", "ada", "robot")


@patient
def test_a_connection_that_never_begins_with_tls_is_closed(guarded: Guarded) -> None:
    host, _, port = guarded.gateway.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=45) as connection:
        assert connection.recv(1 << 16) == b""
