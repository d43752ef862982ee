"""The process: `python -m gateway.main`, or `gateway.main:app` for another ASGI server."""

import uvicorn

from gateway.app import create_gateway
from gateway.proxy.adapters.protocol import GuardedProtocol
from gateway.settings import Settings
from shared.web.server import GRACEFUL_STOP_SECONDS

settings = Settings()
app = create_gateway(settings)


def main() -> None:
    """Blocks until SIGTERM or SIGINT; requests in hand get time to finish."""
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=GuardedProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACEFUL_STOP_SECONDS,
    )


if __name__ == "__main__":
    main()
