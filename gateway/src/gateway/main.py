"""The process: `python -m gateway.main`. The options it serves with are part of its defences."""

import gc

import uvicorn

from gateway.app import create_gateway
from gateway.proxy.router.server import SERVER_OPTIONS, DrainingServer
from gateway.settings import Settings
from shared.web.server import GRACEFUL_STOP_SECONDS

settings = Settings()
app = create_gateway(settings)


def main() -> None:
    """Blocks until SIGTERM or SIGINT; then drains, and requests in hand get time to finish."""
    # What was imported stays: looking through it for garbage again and again would stop all requests for a moment.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=GRACEFUL_STOP_SECONDS,
        **SERVER_OPTIONS,
    )
    DrainingServer(config, app, settings.drain_seconds).run()


if __name__ == "__main__":
    main()
