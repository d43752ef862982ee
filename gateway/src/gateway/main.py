"""The process: `python -m gateway.main`. The options it serves with are part of its defences."""

import uvicorn

from gateway.app import create_gateway
from gateway.proxy.adapters.protocol import SERVER_OPTIONS
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
        timeout_graceful_shutdown=GRACEFUL_STOP_SECONDS,
        **SERVER_OPTIONS,
    )


if __name__ == "__main__":
    main()
