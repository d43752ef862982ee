"""What the file routes are given."""

from typing import Annotated

from fastapi import Depends, Header

from storage_service.dependencies import ServiceResources
from storage_service.files.service import DownloadConditions, FileService, create_file_service


async def get_file_service(resources: ServiceResources) -> FileService:
    return create_file_service(resources)


async def get_download_conditions(
    range_header: Annotated[
        str | None, Header(alias="Range", description="One range of bytes, for instance `bytes=0-1023`.")
    ] = None,
    if_range: Annotated[str | None, Header(alias="If-Range")] = None,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> DownloadConditions:
    return DownloadConditions(range_header, if_range, if_none_match)


Files = Annotated[FileService, Depends(get_file_service)]
Conditions = Annotated[DownloadConditions, Depends(get_download_conditions)]
