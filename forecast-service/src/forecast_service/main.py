"""The HTTP process: python -m forecast_service.main."""

from forecast_service.app import create_app
from forecast_service.settings import Settings
from shared.web.server import serve

settings = Settings()
app = create_app(settings)

if __name__ == "__main__":
    serve(app, settings)
