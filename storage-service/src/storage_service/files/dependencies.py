"""What the file routes are given."""

from typing import Annotated

from fastapi import Depends

from storage_service.dependencies import ServiceResources
from storage_service.files.service import FileService


async def get_file_service(resources: ServiceResources) -> FileService:
    return build_file_service(resources)
