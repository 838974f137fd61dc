"""What became of the replies: AI chat records."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from adapters.websocket.render import JsonObject, record_json, record_summary_json
from entrypoints.api import schemas
from entrypoints.api.authentication import CurrentUser, TheServices
from entrypoints.api.ids import RecordId
from entrypoints.api.problem_docs import ADMISSION_CODES, problems
from imcore.chat_record import ReplyStatus
from imcore.ids import check_message_id
from imcore.read_history import MAX_PAGE

router = APIRouter(tags=["records"])


@router.get("/api/ai/records", response_model=schemas.RecordPage, responses=problems(422))
async def list_records(  # noqa: PLR0917  # FastAPI passes its parameters by name
    user_id: CurrentUser,
    services: TheServices,
    session_id: str | None = None,
    status: Annotated[int | None, Query(ge=0, le=3, description="0 processing, 1 success, 2 failed, 3 cancelled.")] = None,
    user_message_id: str | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> JsonObject:
    """Your records that match all filters given, newest first, without the requests sent to the model."""
    page = await services.read_history.records(
        user_id,
        session_id=session_id,
        status=None if status is None else ReplyStatus(status),
        user_message_id=None if user_message_id is None else check_message_id(user_message_id),
        cursor=cursor,
        limit=limit,
    )
    return {"items": [record_summary_json(record) for record in page.items], "next_cursor": page.next_cursor}


@router.get("/api/ai/records/{record_id}", response_model=schemas.Record, responses=problems(404))
async def get_record(user_id: CurrentUser, services: TheServices, record_id: RecordId) -> JsonObject:
    """One record, with the exact request sent to the model."""
    return record_json(await services.read_history.record(user_id, record_id))


@router.post("/api/ai/records/{record_id}/cancel", status_code=202, response_model=schemas.Record, responses=problems(404))
async def cancel_reply(user_id: CurrentUser, services: TheServices, record_id: RecordId) -> JsonObject:
    """Stop a reply, before it begins or in the middle; the text so far is kept. Can be repeated; one that has ended stays as it is."""
    return record_json(await services.cancel_reply(user_id, record_id))


@router.post(
    "/api/ai/records/{record_id}/retry",
    status_code=202,
    response_model=schemas.Record,
    responses=problems(404, 409, 429, codes=ADMISSION_CODES | {409: ("reply_not_retryable",)}),
)
async def retry_reply(user_id: CurrentUser, services: TheServices, record_id: RecordId) -> JsonObject:
    """Have a failed or cancelled reply written anew. Counts as a send."""
    await services.admission.check(user_id)
    return record_json(await services.retry_reply(user_id, record_id))
