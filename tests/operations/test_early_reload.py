"""A reload that is asked for while a process of the gateway is still starting."""

from __future__ import annotations

import os
import signal
import urllib.request
from pathlib import Path

from tests.operations.gateway import Gateway, write_config
from tests.support.ports import wait_until
from tests.support.raw import ScriptedUpstream, answering
from tests.support.spawn import Spawner

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_reload_does_not_end_a_control_process_that_has_just_begun(tmp_path: Path, spawn: Spawner) -> None:
    """It cannot be told yet, so it is told when it can, and the same process goes on."""
    with ScriptedUpstream(answering(OK)) as application:
        url = f"http://127.0.0.1:{application.port}"
        gateway = Gateway(spawn, write_config(tmp_path, url, url))
        (before,) = gateway.children("gateway.control_process")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: gateway.children("gateway.control_process") not in ([], [before]), 60)
        (begun,) = gateway.children("gateway.control_process")
        write_config(tmp_path, url, url, more='[[feature]]\nname = "late"\nmatch = ["/late"]')
        gateway.reload()
        wait_until(lambda: "late" in _features(gateway), 60, "the new configuration in the control process")
        assert gateway.children("gateway.control_process") == [begun]
        assert "control ended with code -1 " not in gateway.process.output()


def _features(gateway: Gateway) -> str:
    try:
        with urllib.request.urlopen(f"{gateway.ready['admin']}/metrics", timeout=60) as answer:
            return str(answer.read())
    except OSError:
        return ""
