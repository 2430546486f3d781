"""The configuration from the outside: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

from gateway.config import Address, Config, ConfigError, FeatureShadow, StickyKey, load_config, parse_config

LEAST = '[upstreams.legacy]\nurl = "http://127.0.0.1:5001"\n[upstreams.new]\nurl = "http://127.0.0.1:5002"\n'

WHOLE = """
[listen]
traffic = "127.0.0.1:8080"
admin   = "127.0.0.1:8081"
workers = 0
trusted_proxies = []
[upstreams.legacy]
url = "http://127.0.0.1:5001"
[upstreams.new]
url = "http://127.0.0.1:5002"
connect_timeout = "500ms"
timeout = 20
idle_timeout = "2m"
max_connections = 100
max_body = "10 MiB"
[state]
dir   = "var"
redis_url = ""
[sticky]
keys = ["cookie:session", "header:X-User"]
cookie = "banyan_key"
[flags]
source = "dial"
[flags.unleash]
url = "http://127.0.0.1:4242"
token_env = "UNLEASH_TOKEN"
environment = "development"
refresh = 15
[shadow]
max_body = "1 MiB"
max_in_flight = 64
store = "sqlite"
rules = "shadow-rules.toml"
[golden]
dir = "golden/recordings"
[[feature]]
name  = "checkout"
match = ["POST /api/orders", "/api/orders/{id}", "/api/v2/orders/*"]
percent  = 12.5
fallback = "idempotency-key"
shadow   = { percent = 50, direction = "legacy-to-new", writes = "isolated" }
guard    = { max_error_rate = 0.001, max_p95 = "200ms", max_mismatch_rate = 0.001, min_samples = 500 }
breaker  = { failures = 3, open = "2s" }
"""


def parse(text: str, **env: str) -> Config:
    return parse_config(text, "/srv/gate/banyan.toml", env)


def refusals(text: str, **env: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, **env)
    return {problem.key or problem.source: str(problem) for problem in caught.value.problems}


def test_two_addresses_are_enough() -> None:
    config = parse(LEAST)
    assert config.listen.traffic == Address("127.0.0.1", 8080)
    assert (config.upstreams.new.host, config.upstreams.new.port) == ("127.0.0.1", 5002)
    assert config.features == ()


def test_every_key_of_the_contract_is_accepted() -> None:
    config = parse(WHOLE)
    new = config.upstreams.new
    assert (new.connect_timeout, new.timeout, new.idle_timeout, new.max_body) == (0.5, 20.0, 120.0, 10 << 20)
    assert config.sticky.keys == (StickyKey("cookie", "session"), StickyKey("header", "X-User"))
    (feature,) = config.features
    assert feature.percent == 1250
    assert feature.shadow == FeatureShadow(5000, "legacy-to-new", "isolated")
    assert (feature.guard.max_p95, feature.breaker.failures, feature.breaker.open_seconds) == (0.2, 3, 2.0)


def test_it_goes_to_the_children_as_json_and_comes_back() -> None:
    config = parse(WHOLE)
    assert msgspec.json.decode(msgspec.json.encode(config), type=Config) == config


def test_paths_are_relative_to_the_folder_of_the_file() -> None:
    config = parse(LEAST + '[golden]\ndir = "/elsewhere"\n')
    assert config.state.dir == "/srv/gate/var"
    assert config.shadow.rules == "/srv/gate/shadow-rules.toml"
    assert config.golden.dir == "/elsewhere"
    assert config.source_path == "/srv/gate/banyan.toml"


def test_no_number_of_workers_means_one_for_each_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert parse(LEAST).listen.workers == 3
    assert parse(LEAST + "[listen]\nworkers = 2\n").listen.workers == 2


# --- problems -------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once_each_with_path_value_and_expectation() -> None:
    found = refusals(
        'lisen = 3\n[listen]\ntrafic = "x"\nworkers = "many"\n[upstreams.new]\nurl = "ftp://new:1"\n'
        '[[feature]]\nname = "Bad Name"\npercent = 100.005\n'
        '[[feature]]\nname = "ok"\nmatch = ["GET orders"]\n'
    )
    assert list(found) == [
        "lisen",
        "listen.trafic",
        "listen.workers",
        "upstreams.legacy.url",
        "upstreams.new.url",
        "feature[0].name",
        "feature[0].percent",
        "feature[1].match",
    ]
    assert found["lisen"] == "lisen = 3: there is no such key; did you mean listen?"
    assert found["listen.trafic"].endswith('= "x": there is no such key; did you mean listen.traffic?')
    assert found["listen.workers"] == 'listen.workers = "many": expected a whole number from 0 to 64'
    assert "required" in found["upstreams.legacy.url"]
    assert "http://host:port or https://host:port" in found["upstreams.new.url"]
    assert found["feature[0].percent"].startswith(
        "feature[0].percent = 100.005: expected a percentage from 0 to 100"
    )
    assert "the path begins with /" in found["feature[1].match"]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("listen = 3", "listen", "a table with the keys traffic"),
        ("[feature]\nname = 'a'", "feature", r"\[\[feature\]\]"),
        ("feature = [1]", "feature", r"\[\[feature\]\]"),
        ("traffic = '1'", "traffic", "did you mean listen.traffic"),
        ("[flags]\nsource = 'redis'", "flags.source", '"dial" or "unleash"'),
        (
            "[flags]\nsource = 'unleash'\nunleash.token_env = 'T'",
            "flags.unleash.url",
            "expected the address",
        ),
        (
            "[flags]\nsource = 'unleash'\nunleash.url = 'http://f'",
            "flags.unleash.token_env",
            "where the backend token is",
        ),
        ("[flags]\nunleash.url = 'http://me:secret@f'", "flags.unleash.url", "without a password"),
        ("[flags]\nunleash.url = 'ftp://f'", "flags.unleash.url", "the address of a server"),
        ("[shadow]\nstore = 'redis'", "shadow.store", "state.redis_url beside it"),
        ("[state]\nredis_url = 'http://h'", "state.redis_url", "the address of a Redis"),
        ("[state]\nredis_url = 'redis://h?socket_timeout=60'", "state.redis_url", "the address of a Redis"),
        ("[state]\nredis_prefix = ''", "state.redis_prefix", "a beginning for names"),
        ("[sticky]\nkeys = ['claims:sub']", "sticky.keys", "claim:NAME"),
        ("[flags.unleash]\nproperties = ['tenant']", "flags.unleash.properties", "tenant=header:X-Tenant"),
        ("[sticky]\nkeys = ['cookie:']", "sticky.keys", "cookie:NAME"),
        ("[sticky]\nkeys = 'cookie:a'", "sticky.keys", "a list of"),
        ("[listen]\ntrusted_proxies = ['10.0.0.1/8']", "listen.trusted_proxies", "host bits set"),
        ("[listen]\ntraffic = 8080", "listen.traffic", "host:port"),
        ("[listen]\nadmin = '127.0.0.1:8080'", "listen.admin", "another address than listen.traffic"),
        ("[listen]\nadmin = 'localhost:8080'", "listen.admin", "another address than listen.traffic"),
        ("[listen]\ntraffic = '0.0.0.0:5001'", "upstreams.legacy.url", "ask itself"),
        ("[listen]\ntraffic = '[::]:5002'", "upstreams.new.url", "ask itself"),
        ("[listen]\nadmin = '127.0.0.1:5002'", "upstreams.new.url", "ask itself"),
        ("[listen]\nexpose_decision = 1", "listen.expose_decision", "true or false"),
        ("[listen]\nhead_timeout = '10 parsecs'", "listen.head_timeout", '"200ms", "1.5s", "2m"'),
        ("[listen]\nhead_timeout = -1", "listen.head_timeout", "a time from"),
        ("[listen]\nhead_timeout = nan", "listen.head_timeout", "a time from"),
        ("[listen]\nmax_body = '1 MB'", "listen.max_body", "KiB"),
        ("[shadow]\nmax_body = '0 B'", "shadow.max_body", "from 1 KiB to 1 GiB"),
        ("[listen]\nmax_body = 1.5", "listen.max_body", "a whole number of bytes"),
        ("[listen]\nmax_fields = true", "listen.max_fields", "a whole number"),
        ("[listen]\nworkers = 1979-05-27", "listen.workers", "a whole number"),
        ("[shadow]\nversion_header = 'a b'", "shadow.version_header", "a header name"),
        ("[[feature]]\nmatch = []", "feature[0].name", "required"),
        (
            "[[feature]]\nname = 'a'\nfallback = 'always'",
            "feature[0].fallback",
            '"off" or "safe" or "idempotency-key"',
        ),
        (
            "[[feature]]\nname = 'a'\nguard = { max_error_rate = 1.1 }",
            "feature[0].guard.max_error_rate",
            "0 to 1",
        ),
        ("[[feature]]\nname = 'a'\nguard = { p95 = 1 }", "feature[0].guard.p95", "did you mean feature"),
        ("[[feature]]\nname = 'a'\n[[feature]]\nname = 'a'", "feature[1].name", r"feature\[0\] has it"),
        (
            (
                "[[feature]]\nname = 'a'\nmatch = ['GET /x/{id}']\n"
                "[[feature]]\nname = 'b'\nmatch = ['GET /x/{n}']"
            ),
            "feature[1].match",
            "'a' and 'b' both have it",
        ),
        ("[shadow]\nprocesses = 0", "shadow.processes", "state.redis_url beside it"),
        ("[shadow]\nprocesses = 65", "shadow.processes", "0 to 64"),
        ("[shadow]\nshards = 0", "shadow.shards", "1 to 1024"),
        ("[shadow]\nstream_max_bytes = '1 KiB'", "shadow.stream_max_bytes", "1 MiB"),
        ("[shadow]\nstream_ttl = '2d'", "shadow.stream_ttl", "24h"),
    ],
)
def test_an_impossible_value_is_refused(text: str, key: str, words: str) -> None:
    found = refusals(
        f"{text}\n{LEAST}" if text.startswith(("listen =", "feature =", "traffic =")) else f"{LEAST}{text}\n"
    )
    assert list(found) == [key]
    assert re.search(words, found[key])


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:1", "http://", "http://h:0", "http://h:70000", "http://h:1/api", "http://u:p@h:1", "http://h:1?x",
     "ftp://h:1",
     "http://h:1#f", "http://[::1", "http://a b:1", "http://h:1\\x", "http://h:１"],
)  # fmt: skip
def test_an_upstream_is_a_host_and_a_port_and_nothing_more(url: str) -> None:
    text = LEAST.replace("http://127.0.0.1:5002", url.replace("\\", "\\\\"))
    assert list(refusals(text)) == ["upstreams.new.url"]


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [("http://new", "new", 80), ("http://[::1]:81/", "::1", 81), ("http://[::1]", "::1", 80)],
)
def test_an_upstream_is_taken_apart(url: str, host: str, port: int) -> None:
    new = parse(LEAST.replace("http://127.0.0.1:5002", url)).upstreams.new
    assert (new.host, new.port) == (host, port)


def test_a_port_chosen_by_the_system_collides_with_nothing() -> None:
    assert parse(LEAST + '[listen]\ntraffic = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n').listen.admin.port == 0


def test_text_that_is_no_toml_names_the_line() -> None:
    (sentence,) = refusals("[listen]\ntraffic = \n").values()
    assert "is not TOML" in sentence
    assert "line 2" in sentence


@pytest.mark.parametrize("harm", ["missing", "folder", "not text"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "banyan.toml"
    if harm == "folder":
        path.mkdir()
    elif harm == "not text":
        path.write_bytes(b"[listen]\nx = '\xff'\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    (problem,) = caught.value.problems
    assert str(path) in str(problem)
    assert "\n" not in str(problem)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "banyan.toml"
    path.write_text("\ufeff" + LEAST, encoding="utf-8")
    assert load_config(path, {"PATH": "/bin"}).state.dir == str(tmp_path / "var")


# --- the environment ------------------------------------------------------------------------------


def test_a_variable_overrides_a_key() -> None:
    config = parse(
        WHOLE,
        BANYAN_LISTEN__TRAFFIC="0.0.0.0:9000",
        BANYAN_LISTEN__WORKERS="4",
        BANYAN_LISTEN__EXPOSE_DECISION="true",
        BANYAN_LISTEN__TRUSTED_PROXIES="10.0.0.0/8, 127.0.0.1",
        BANYAN_UPSTREAMS__NEW__TIMEOUT="1.5s",
        BANYAN_SHADOW__MAX_BODY="64 KiB",
        BANYAN_FEATURE__0__PERCENT="33.33",
        BANYAN_FEATURE__CHECKOUT__GUARD__MAX_P95="0.5",
        BANYAN_FEATURE__CHECKOUT__MATCH='["/only"]',
    )
    listen, feature = config.listen, config.features[0]
    assert (str(listen.traffic), listen.workers, listen.expose_decision) == ("0.0.0.0:9000", 4, True)
    assert listen.trusted_proxies == ("10.0.0.0/8", "127.0.0.1/32")
    assert config.upstreams.new.timeout == 1.5
    assert config.shadow.max_body == 64 << 10
    assert (feature.percent, feature.guard.max_p95, feature.match) == (3333, 0.5, ("/only",))


def test_the_addresses_may_come_from_the_environment_alone() -> None:
    env = {"BANYAN_UPSTREAMS__LEGACY__URL": "http://l:1", "BANYAN_UPSTREAMS__NEW__URL": "http://n:2"}
    assert parse("", **env).upstreams.new.url == "http://n:2"


def test_the_command_lines_own_variables_are_left_alone() -> None:
    parse(LEAST, BANYAN_TOKEN="x", BANYAN_ADMIN="y", BANYAN_CONFIG="z", BANYANS__X="1")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BANYAN_LISTEN__TRAFIC", "did you mean BANYAN_LISTEN__TRAFFIC?"),
        ("BANYAN_LISTEN_TRAFFIC", "two underscores between table and key: BANYAN_LISTEN__TRAFFIC"),
        ("BANYAN_FEATURE__PERCENT", "there is no such key"),
        ("BANYAN_FEATURE__0__PERCNT", "did you mean BANYAN_FEATURE__0__PERCENT?"),
        ("BANYAN_FEATURE__7__PERCENT", "there is no feature 7; the file has 1"),
        ("BANYAN_FEATURE__SEARCH__PERCENT", "there is no feature SEARCH"),
        ("BANYAN_LISTEN__TRAFFIC__HOST", "there is no such key"),
    ],
)
def test_an_unknown_variable_is_refused(name: str, words: str) -> None:
    assert words in refusals(WHOLE, **{name: "1"})[name]


def test_a_problem_names_the_variable_that_the_value_came_from() -> None:
    found = refusals(LEAST, BANYAN_LISTEN__WORKERS="many", BANYAN_STATE__REDIS_URL="redis://h")
    assert found["listen.workers"].startswith(
        'listen.workers (from BANYAN_LISTEN__WORKERS) = "many": expected'
    )


def test_a_variable_cannot_bring_in_a_second_key() -> None:
    assert list(refusals(LEAST, BANYAN_LISTEN__WORKERS="1\nmax_fields = 1")) == ["listen.workers"]


def test_a_secret_in_a_refused_address_is_not_shown() -> None:
    text = LEAST.replace("http://127.0.0.1:5002", "http://user:hunter2@h:1")
    assert "hunter2" not in str(refusals(text))
    assert "hunter2" not in str(refusals(LEAST, BANYAN_STATE__REDIS_URL="redis://:hunter2@h/x"))
