"""The HTTP process."""

from monitoring_service.app import create_app
from monitoring_service.settings import Settings
from shared.web.server import serve

settings = Settings()
app = create_app(settings)

if __name__ == "__main__":
    serve(app, settings)
