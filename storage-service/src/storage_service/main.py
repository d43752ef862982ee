"""The HTTP process."""

from shared.web.server import serve
from storage_service.app import create_app
from storage_service.settings import Settings

settings = Settings()
app = create_app(settings)

if __name__ == "__main__":
    serve(app, settings)
