"""Whom a request asks: HTTP/1.1 must say it, HTTP/1.0 need not."""

import socket
from urllib.parse import urlsplit

import pytest

from tests.kit.server import Running


def sent(server: Running, lines: str) -> tuple[bytes, bytes]:
    """The first line and the body of the answer to a request written by hand."""
    where = urlsplit(server.address)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(f"{lines}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer.partition(b"\r\n")[0], answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("path", ["/fhir/Patient", "/openapi.json", "/livez"])
@pytest.mark.parametrize("hosts", ["", "\r\nHost: one.example\r\nHost: two.example", "\r\nHost: a/b"])
def test_a_request_that_does_not_say_whom_it_asks_is_refused(server: Running, path: str, hosts: str) -> None:
    status, body = sent(server, f"GET {path} HTTP/1.1{hosts}")
    assert b" 400 " in status + b" "
    assert b'"OperationOutcome"' in body


def test_before_http_1_1_the_place_of_arrival_is_meant(server: Running) -> None:
    status, body = sent(server, "GET /fhir/Patient?_id=x HTTP/1.0")
    assert b" 200 " in status + b" "
    assert f'"{server.address}/fhir/Patient?_id=x"'.encode() in body
