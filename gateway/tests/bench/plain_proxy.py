"""The proxy most people would write first: FastAPI and httpx, no policies at all. What the bench compares with."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with httpx.AsyncClient(base_url=os.environ["UPSTREAM"]) as client:
        yield {"client": client}


app = FastAPI(lifespan=lifespan)


@app.get("/{path:path}")
async def forward(path: str, request: Request) -> Response:
    answer = await request.state.client.get(f"/{path}")
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), loop="uvloop", http="httptools", access_log=False, log_config=None)
