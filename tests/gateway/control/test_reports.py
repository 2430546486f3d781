"""The report channel over a real Unix socket."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest
import uvloop

from gateway.control import CounterRow, Report, ReportSender, ReportServer, gauge_key, incarnation


def _report(total: int) -> Report:
    return Report("worker-0", incarnation(), {"banyan_requests_total": [CounterRow(("orders",), total)]})


def _total(report: Report) -> int:
    return report.counters["banyan_requests_total"][0].value


async def _until(seen: list[Report], total: int) -> None:
    while not seen or _total(seen[-1]) < total:  # noqa: ASYNC110 -- the condition is another task's list
        await asyncio.sleep(0.01)


def test_totals_arrive_again_and_again_and_once_more_at_the_end(tmp_path: Path) -> None:
    async def scene() -> list[Report]:
        seen: list[Report] = []
        server = ReportServer(tmp_path, seen.append)
        await server.start()
        totals = {"now": 1}
        sender = ReportSender(tmp_path, interval=0.01)
        sender.start(lambda: _report(totals["now"]))
        await _until(seen, 1)
        totals["now"] = 2
        await _until(seen, 2)
        totals["now"] = 99
        await sender.close()
        await _until(seen, 99)
        await server.close()
        return seen

    seen = asyncio.run(asyncio.wait_for(scene(), 60))
    assert [_total(one) for one in seen] == sorted(_total(one) for one in seen)


def test_a_sender_comes_back_when_the_listener_dies_and_returns(tmp_path: Path) -> None:
    async def scene() -> None:
        sender = ReportSender(tmp_path, interval=0.01)
        sender.start(lambda: _report(7))
        await asyncio.sleep(0.05)
        for _ in range(2):
            seen: list[Report] = []
            server = ReportServer(tmp_path, seen.append)
            await server.start()
            await _until(seen, 7)
            await server.close()
        await sender.close()

    asyncio.run(asyncio.wait_for(scene(), 60))


@pytest.mark.parametrize("read", [1, 4096], ids=["in a report", "between two"])
def test_a_listener_that_dies_is_followed_by_another(tmp_path: Path, read: int) -> None:
    """On the loop of the workers, where a write to what was closed is no OSError."""

    async def scene() -> None:
        loop, path = asyncio.get_running_loop(), tmp_path / "control.sock"
        sender = ReportSender(tmp_path, interval=0.02)
        sender.start(lambda: _report(7))
        for _ in range(5):
            path.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
                listener.listen()
                listener.setblocking(False)
                one, _ = await loop.sock_accept(listener)
                assert await loop.sock_recv(one, read)
                one.close()
        seen: list[Report] = []
        server = ReportServer(tmp_path, seen.append)
        await server.start()
        await _until(seen, 7)
        await sender.close()
        await server.close()

    uvloop.run(asyncio.wait_for(scene(), 60))


def test_one_report_that_cannot_be_made_is_not_the_last(tmp_path: Path) -> None:
    async def scene() -> None:
        made = iter([RuntimeError("dictionary changed size during iteration")])

        def make() -> Report:
            for error in made:
                raise error
            return _report(7)

        seen: list[Report] = []
        server = ReportServer(tmp_path, seen.append)
        await server.start()
        sender = ReportSender(tmp_path, interval=0.01)
        sender.start(make)
        await _until(seen, 7)
        await sender.close()
        await server.close()

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_a_process_without_a_listener_still_ends(tmp_path: Path) -> None:
    async def scene() -> None:
        sender = ReportSender(tmp_path)
        sender.start(lambda: _report(1))
        await sender.close()

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_garbage_on_the_channel_harms_only_its_own_connection(tmp_path: Path) -> None:
    async def scene() -> None:
        seen: list[Report] = []
        server = ReportServer(tmp_path, seen.append)
        await server.start()
        for garbage in (b"\x00\x00\x00\x03abc", b"\xff\xff\xff\xff", b"\x00\x00\x00\x09abc"):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(tmp_path / "control.sock"))
                raw.sendall(garbage)
                raw.shutdown(socket.SHUT_WR)
                raw.setblocking(False)
                assert await asyncio.get_running_loop().sock_recv(raw, 1) == b""
        sender = ReportSender(tmp_path, interval=0.01)
        sender.start(lambda: _report(3))
        await _until(seen, 3)
        await sender.close()
        await server.close()

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_an_incarnation_names_the_process_and_its_birth() -> None:
    assert incarnation() == incarnation()
    assert incarnation().startswith(f"{os.getpid()}-")


def test_gauge_keys() -> None:
    assert gauge_key("banyan_shadow_queue") == "banyan_shadow_queue"
    assert gauge_key("banyan_breaker_state", "orders") == "banyan_breaker_state{orders}"
