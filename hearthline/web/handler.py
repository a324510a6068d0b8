"""Django's ASGI handler, with a request's whole way through middleware and view in one thread of a bounded pool.

Django's own changes threads for each middleware that is not asynchronous, and begins a thread with a new database connection
for each request. Our middleware and views are synchronous throughout: one change of threads is enough, and the pool's
threads keep their connections (`CONN_MAX_AGE`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponseBase

THREADS = 32  # so many requests at once, and at most so many database connections for them; more requests wait


class PagesHandler(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pages")

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        in_a_thread = sync_to_async(self._get_it, thread_sensitive=False, executor=self._threads)
        return await in_a_thread(request)

    def _get_it(self, request: HttpRequest) -> HttpResponseBase:
        # Django's own `request_started` looks after the connections of another thread
        close_old_connections()
        return self.get_response(request)
