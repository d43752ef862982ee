"""The HTTP process: python -m data_service.main."""

from data_service.app import create_app
from data_service.settings import Settings
from shared.web.server import serve

settings = Settings()
app = create_app(settings)

if __name__ == "__main__":
    serve(app, settings)
