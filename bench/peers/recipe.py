"""FastAPI with httpx: what most people write when they need a proxy in Python."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.peers.model import Peer, Rig

PROGRAM = """\
import contextlib, zlib
import fastapi, httpx, uvicorn

@contextlib.asynccontextmanager
async def opened(app):
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=512)) as client:
        app.state.client = client
        yield

app = fastapi.FastAPI(lifespan=opened)

@app.api_route("/{{path:path}}", methods=["GET", "POST"])
async def forward(request: fastapi.Request, path: str):
    key = request.cookies.get("session", "")
    port = {new} if zlib.crc32(key.encode()) % 100 < 10 else {legacy}
    answer = await app.state.client.request(
        request.method, f"http://127.0.0.1:{{port}}/{{path}}", content=await request.body(),
        headers=[pair for pair in request.headers.raw if pair[0] != b"host"],
    )
    kind = {{"content-type": answer.headers["content-type"]}}
    return fastapi.Response(answer.content, answer.status_code, kind)

uvicorn.run(app, host="127.0.0.1", port={port}, log_level="warning")
"""


def start(rig: Rig) -> list[str | Path]:
    """Write the program and return its command."""
    file = rig.folder / "recipe.py"
    file.write_text(PROGRAM.format(port=rig.port, legacy=rig.legacy, new=rig.new))
    return [sys.executable, file]


RECIPE = (Peer("FastAPI + httpx", "recipe", start, "recipe"),)
