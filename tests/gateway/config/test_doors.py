"""TLS, and Unix sockets as doors, as the configuration has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, parse_config

LEAST = '[upstreams.legacy]\nurl = "https://old"\n[upstreams.new]\nurl = "http://new"\n'


def parse(text: str) -> Config:
    return parse_config(f"{LEAST}{text}\n", Path("/srv/gate/banyan.toml"), {})


def test_a_unix_socket_is_a_door() -> None:
    listen = parse('[listen]\ntraffic = "unix:run/banyan.sock"').listen
    assert (listen.traffic.path, listen.socket_mode) == ("/srv/gate/run/banyan.sock", "0660")
    assert str(listen.traffic) == listen.traffic_url == "unix:/srv/gate/run/banyan.sock"


def test_with_a_certificate_the_address_is_https() -> None:
    listen = parse('[listen]\ntls_certificate = "tls/full.pem"\ntls_key = "/etc/key.pem"').listen
    assert (listen.tls_certificate, listen.tls_key) == ("/srv/gate/tls/full.pem", "/etc/key.pem")
    assert listen.tls_minimum == "1.2"
    assert listen.traffic_url == "https://127.0.0.1:8080"


def test_an_upstream_may_speak_tls() -> None:
    upstreams = parse("").upstreams
    legacy, new = upstreams.legacy, upstreams.new
    assert (legacy.port, legacy.tls, legacy.verify, legacy.ca_file) == (443, True, True, "")
    assert (new.port, new.tls) == (80, False)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('[listen]\ntraffic = "unix:"', "listen.traffic", "unix:/path/to/socket"),
        (f'[listen]\ntraffic = "unix:/{"x" * 120}"', "listen.traffic", "at most 107 bytes"),
        ('[listen]\nadmin = "unix:/x"', "listen.admin", "host:port"),
        ('[listen]\nsocket_mode = "rw"', "listen.socket_mode", '"0660"'),
        ('[listen]\ntls_key = "x"', "listen.tls_key", "listen.tls_certificate beside it"),
        ('[listen]\ntls_certificate = "x"\ntls_minimum = "1.0"', "listen.tls_minimum", '"1.2" or "1.3"'),
        ('ca_file = "x"', "upstreams.new.ca_file", "to begin with https:"),
        ("verify = false", "upstreams.new.verify", "to begin with https:"),
        ('server_name = "x"', "upstreams.new.server_name", "to begin with https:"),
        ('server_name = "a..b"', "upstreams.new.server_name", "the name in the certificate"),
        ('[listen]\ntrusted_proxies = ["unix:"]', "listen.trusted_proxies", '"unix"'),
        ('[listen]\nhosts = ["a:80"]', "listen.hosts", "hosts without a port"),
        ('[listen]\nhosts = ["a.*"]', "listen.hosts", "'a.*' is none"),
    ],
)
def test_what_cannot_be_is_refused(text: str, key: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert problem.key == key
    assert words in str(problem)


def test_hosts_are_read_as_a_client_may_name_them() -> None:
    text = '[listen]\nhosts = ["Shop.Example", "*.Shop.Example", "[2001:DB8:0::1]"]'
    assert parse(text).listen.hosts == ("shop.example", "*.shop.example", "[2001:db8::1]")


def test_who_comes_over_the_socket_can_be_trusted() -> None:
    assert parse('[listen]\ntrusted_proxies = ["unix"]').listen.trusted_proxies == ("unix",)
