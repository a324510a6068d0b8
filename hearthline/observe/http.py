"""How long each view takes. The outermost middleware, so that all the others are in its figure."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from hearthline.lib import measures

Answer = Callable[[HttpRequest], HttpResponseBase]
AnswerLater = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
DIAL = "operator:dial"  # it is answered when call control has placed the call


@sync_and_async_middleware
def timed(get_response: Answer | AnswerLater) -> Answer | AnswerLater:
    if iscoroutinefunction(get_response):
        later = cast(AnswerLater, get_response)

        async def answered_later(request: HttpRequest) -> HttpResponseBase:
            began = time.perf_counter()
            response = await later(request)
            _note(request, response, time.perf_counter() - began)
            return response

        return answered_later
    at_once = cast(Answer, get_response)

    def answered(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = at_once(request)
        _note(request, response, time.perf_counter() - began)
        return response

    return answered


def _note(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    match = request.resolver_match
    view = match.view_name if match is not None and match.view_name else "none"
    measures.HTTP_SECONDS.labels(view).observe(seconds)
    measures.HTTP_RESPONSES.labels(view, f"{response.status_code // 100}xx").inc()
    if view == DIAL and response.status_code == 200:
        measures.KEY_TO_INVITE.observe(seconds)
