"""`python -m notification_service.main` serves HTTP; `notification_service.main:app` is for an ASGI server."""

from notification_service.app import create_app
from notification_service.settings import Settings
from shared.web.server import serve

settings = Settings()
app = create_app(settings)

if __name__ == "__main__":
    serve(app, settings)
