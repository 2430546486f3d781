"""Hostile requests, generated: spellings of framing, line ends, chunks, Hosts and targets, each alone and
some of them together. The same ones from the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

SEED = 20
MIXED = 200
"""How many payloads combine several oddities at random."""

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Payload:
    """``requests``: how many requests the bytes may be taken for, however they are read by the rules."""

    name: str
    data: bytes
    requests: int = 2


NAMES = (
    b"Transfer-Encoding:",
    b"transfer-encoding:",
    b"Transfer-Encoding :",
    b"Transfer-Encoding\t:",
    b" Transfer-Encoding:",
    b"X: y\r\n Transfer-Encoding:",
    b"Transfer_Encoding:",
    b"Transfer-Encoding\0:",
    b"Transfer-Encoding\x0b:",
    b"\xefTransfer-Encoding:",
    b"Foo: bar\nTransfer-Encoding:",
    b"Foo: bar\rTransfer-Encoding:",
    b"Foo: bar\r\n\rTransfer-Encoding:",
    b"Transfer-Encoding: x\r\nTransfer-Encoding:",
    b"Content-Encoding:",
)
CODINGS = (
    b" chunked",
    b"chunked",
    b"\tchunked",
    b" chunked ",
    b" Chunked",
    b" chunked\t",
    b" \x0bchunked",
    b" chunked\x0c",
    b" xchunked",
    b" chunkedx",
    b" 'chunked'",
    b' "chunked"',
    b" chunked, identity",
    b" identity, chunked",
    b" identity",
    b" gzip, chunked",
    b" chunked, chunked",
    b" chunked;q=1",
    b" , chunked",
    b" chunked,",
    b"\r\n chunked",
    b"\r\n\tchunked",
    b" chunk\xe9d",
    b" \0chunked",
    b" chunked\0",
    b"",
)
LENGTHS = (
    b"Content-Length: 4",
    b"Content-Length: 04",
    b"Content-Length: +4",
    b"Content-Length: -4",
    b"Content-Length: 4, 4",
    b"Content-Length: 4,6",
    b"Content-Length: 4\r\nContent-Length: 4",
    b"Content-Length: 4\r\nContent-Length: 40",
    b"Content-Length: 4;x",
    b"Content-Length: 4 4",
    b"Content-Length: 0x4",
    b"Content-Length: 4.0",
    b"Content-Length: 1e1",
    b"Content-Length: \xb2",
    b"Content-Length:",
    b"Content-Length: \r\n 4",
    b"Content-Length : 4",
    b"Content-Length\t: 4",
    b" Content-Length: 4",
    b"Content_Length: 4",
    b"Content-Length: 18446744073709551620",
    b"Content-Length: 4\0",
    b"Content-Length: 4\x0b",
    b"X: y\nContent-Length: 4",
    b"X: y\rContent-Length: 4",
    b"Connection: Content-Length\r\nContent-Length: 4",
    b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    b"Connection: Host",
)
CHUNKS = (
    b"4\r\nabcd\r\n0\r\n\r\n",
    b"4;ext\r\nabcd\r\n0\r\n\r\n",
    b'4;a="\r\n"\r\nabcd\r\n0\r\n\r\n',
    b"4;a\nb\r\nabcd\r\n0\r\n\r\n",
    b"4;a\rb\r\nabcd\r\n0\r\n\r\n",
    b"4;\0\r\nabcd\r\n0\r\n\r\n",
    b"4 \r\nabcd\r\n0\r\n\r\n",
    b" 4\r\nabcd\r\n0\r\n\r\n",
    b"4\t;x\r\nabcd\r\n0\r\n\r\n",
    b"4\nabcd\n0\n\n",
    b"4\rabcd\r0\r\r",
    b"4\r\nabcd0\r\n\r\n",
    b"4\r\nabcde\r\n0\r\n\r\n",
    b"4\r\nabcd\n\r\n0\r\n\r\n",
    b"4\r\nabcd\r\r\n0\r\n\r\n",
    b"0x4\r\nabcd\r\n0\r\n\r\n",
    b"+4\r\nabcd\r\n0\r\n\r\n",
    b"-4\r\nabcd\r\n0\r\n\r\n",
    b"4g\r\nabcd\r\n0\r\n\r\n",
    b"4_0\r\nabcd\r\n0\r\n\r\n",
    b"10000000000000004\r\nabcd\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
    b"0000000000000000000000004\r\nabcd\r\n0\r\n\r\n",
    b"\r\nabcd\r\n0\r\n\r\n",
    b"4\r\nabcd\r\n\r\n",
    b"4\r\nabcd\r\n0\r\nHost: b\r\n\r\n",
    b"4\r\nabcd\r\n0\r\nContent-Length: 50\r\n\r\n",
    b"4\r\nabcd\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"4\r\nabcd\r\n0\r\nX: y\n\r\n",
    b"4\r\nabcd\r\n0\r\n \r\n\r\n",
    b"4\r\nabcd\r\n0\r\nGET /x HTTP/1.1\r\n\r\n",
    b"4\r\nabcd\r\n0;\r\n\r\n",
    b"4\r\nabcd\r\n00\r\n\r\n",
    b"4\r\nabcd\r\n0\n\n",
    b"4\r\nabcd\r\n0\r\n\n",
    b"4\r\nabcd\r\n0\r\n\rX",
    b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
    b"0\r\n\r\n",
)
HOSTS = (
    b"",
    b"Host:",
    b"Host: a\r\nHost: b",
    b"Host: a\r\nhOST: a",
    b"Host: a/b",
    b"Host: a@b",
    b"Host: a:80@b",
    b"Host: a b",
    b"Host: a,b",
    b"Host: a#b",
    b"Host: a?b",
    b"Host: a\\b",
    b"Host: a:b",
    b"Host: a:",
    b"Host: [::1]",
    b"Host: [::1",
    b"Host : a",
    b" Host: a",
    b"Host: a\0",
    b"Host: a\r\n b",
    b"X: y\nHost: a",
    b"Host: \xe9",
    b"Host: localhost:99999",
)
TARGETS = (
    b"/",
    b"//b/x",
    b"/\\b",
    b"\\\\b\\x",
    b"http://b/x",
    b"http://b",
    b"http://a@b/",
    b"http:///x",
    b"https://b:80/x",
    b"ftp://b/x",
    b"b:80",
    b"*",
    b"",
    b"x",
    b"?x",
    b"/#x",
    b"/ x",
    b"/\tx",
    b"/x\0y",
    b"/x\x7fy",
    b"/\xc3\xa9",
    b"/%00",
    b"/%0d%0aX: y",
    b"/x HTTP/1.1\r\nX: y",
    b"/..;/x",
    b"/x?y=\\",
    b"/" + b"x" * 9000,
)
LINES = (
    b"%b %b HTTP/1.1\r\n",
    b"%b %b HTTP/1.0\r\n",
    b"%b %b HTTP/0.9\r\n",
    b"%b %b HTTP/2.0\r\n",
    b"%b %b HTTP/1.10\r\n",
    b"%b %b HTTP/1.1 \r\n",
    b"%b %b HTTP/1.1\n",
    b"%b %b HTTP/1.1\r\r\n",
    b"%b %b\r\n",
    b"%b  %b HTTP/1.1\r\n",
    b"%b\t%b HTTP/1.1\r\n",
    b" %b %b HTTP/1.1\r\n",
    b"\r\n%b %b HTTP/1.1\r\n",
    b"\n%b %b HTTP/1.1\r\n",
    b"\0%b %b HTTP/1.1\r\n",
    b"%b %b http/1.1\r\n",
    b"%b %b HTTP/1.1\0\r\n",
)
METHODS = (
    b"POST",
    b"GET",
    b"HEAD",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"PRI",
    b"get",
    b"P\0ST",
    b"PO ST",
    b"",
)
UPGRADES = (
    b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"Connection: Upgrade\r\nUpgrade: websocket",
    b"Connection: upgrade, close\r\nUpgrade: h2c",
    b"Upgrade: websocket",
    b"Connection: keep-alive\r\nConnection: close",
    b"Connection: close",
    b"Expect: 100-continue",
)


def _request(
    line: bytes = LINES[0],
    method: bytes = b"POST",
    target: bytes = b"/a",
    host: bytes = b"Host: a",
    fields: tuple[bytes, ...] = (),
    body: bytes = b"",
) -> bytes:
    head = line % (method, target) + b"".join(field + b"\r\n" for field in (host, *fields) if field)
    return head + b"\r\n" + body


def _alone() -> Iterator[Payload]:
    body = b"4\r\nabcd\r\n0\r\n\r\n"
    for (n, name), (c, coding) in product(enumerate(NAMES), enumerate(CODINGS)):
        if n and c > 4 and (n + c) % 3:  # every name with the usual codings, a third of the rest
            continue
        field = name + coding
        yield Payload(f"coding {name!r}{coding!r}", _request(fields=(field,), body=body + SMUGGLED))
        if c < 2:
            both = (b"Content-Length: 4", field)
            yield Payload(f"length, coding {name!r}{coding!r}", _request(fields=both, body=body + SMUGGLED))
            yield Payload(
                f"coding, length {name!r}{coding!r}", _request(fields=both[::-1], body=body + SMUGGLED)
            )
    for length in LENGTHS:
        yield Payload(f"length {length!r}", _request(fields=(length,), body=b"abcd" + SMUGGLED))
        yield Payload(
            f"length of a GET {length!r}", _request(method=b"GET", fields=(length,), body=b"abcd" + SMUGGLED)
        )
    for chunks in CHUNKS:
        fields = (b"Transfer-Encoding: chunked",)
        yield Payload(f"chunks {chunks!r}", _request(fields=fields, body=chunks + SMUGGLED))
        yield Payload(f"chunks, incomplete {chunks!r}", _request(fields=fields, body=chunks[:-1]))
    for host in HOSTS:
        yield Payload(f"host {host!r}", _request(method=b"GET", host=host) + SMUGGLED)
    for target, method in product(TARGETS, (b"GET", b"OPTIONS")):
        yield Payload(f"target {method!r} {target[:40]!r}", _request(method=method, target=target) + SMUGGLED)
    for line, method in product(LINES, METHODS):
        yield Payload(f"line {line!r} {method!r}", _request(line=line, method=method) + SMUGGLED)
    for upgrade, length in product(UPGRADES, (b"", b"Content-Length: 4", b"Transfer-Encoding: chunked")):
        content = {b"": b"", b"Content-Length: 4": b"abcd"}.get(length, body)
        yield Payload(f"{upgrade!r} {length!r}", _request(fields=(upgrade, length), body=content + SMUGGLED))


def _mixed(chance: random.Random) -> Iterator[Payload]:
    for number in range(MIXED):
        fields = [
            chance.choice((b"", chance.choice(LENGTHS))),
            chance.choice((b"", chance.choice(NAMES) + chance.choice(CODINGS))),
            chance.choice((b"", chance.choice(UPGRADES))),
        ]
        chance.shuffle(fields)
        data = _request(
            chance.choice((LINES[0], LINES[0], chance.choice(LINES))),
            chance.choice((b"POST", b"GET", chance.choice(METHODS))),
            chance.choice((b"/a", chance.choice(TARGETS))),
            chance.choice((b"Host: a", b"Host: a", chance.choice(HOSTS))),
            tuple(fields),
            chance.choice((b"abcd", chance.choice(CHUNKS), SMUGGLED)),
        )
        if chance.random() < 0.3:  # a byte changed anywhere
            at = chance.randrange(len(data))
            data = data[:at] + bytes([chance.choice(b"\0\r\n\t :;,\x0b\x7f\xff")]) + data[at + 1 :]
        yield Payload(f"mixed {number}", data + SMUGGLED, 4)


def payloads(seed: int = SEED) -> list[Payload]:
    """All of them, in an order of their own."""
    return [*_alone(), *_mixed(random.Random(seed))]
