"""The application the server runs: every request passes here, also those to the gateway's own routes.

A plain ASGI application: on this path a framework would cost more than all the checks together.
"""

from gateway.proxy.router.express import Express
from gateway.proxy.router.passage import Application, Passage, Pipeline, Scope
from gateway.proxy.service.calls import Receive, Send


class Door:
    """`own` serves the gateway's own routes; the rest is there once the application has started.

    While it drains, every answer is the last one on its connection, and readiness says no.
    """

    def __init__(self, own: Application) -> None:
        self._own = own
        self.in_progress = 0
        self.is_draining = False
        self.pipeline: Pipeline | None = None
        self.express: Express | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.pipeline is not None:
            self.in_progress += 1
            try:
                await Passage(self._own, self.pipeline, scope, receive, send, is_last=self.is_draining).run()
            finally:
                self.in_progress -= 1
        elif scope["type"] == "lifespan":
            await self._own(scope, receive, send)

    def begin_drain(self) -> None:
        """Streams of events would never end by themselves: they end here, and their readers come again elsewhere."""
        self.is_draining = True
        if self.pipeline is not None:
            self.pipeline.forwarder.end_event_streams()
