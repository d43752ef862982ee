"""Serves an application with uvicorn, the same way in every service."""

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from shared.settings import ServiceSettings

GRACEFUL_STOP_SECONDS = 25


def serve(app: FastAPI | ASGIApp, settings: ServiceSettings) -> None:
    """Blocks until SIGTERM or SIGINT; requests in hand get 25 seconds to finish."""
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACEFUL_STOP_SECONDS,
    )
