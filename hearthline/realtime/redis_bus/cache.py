"""Django's cache on Redis, for what web processes count together: attempts at sign-in.

While Redis is away each process counts for itself: people can go on signing in, and guessing stays slow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from hearthline.realtime.redis_bus.connections import ANSWER_S, CONNECT_S, LostError

logger = logging.getLogger(__name__)
T = TypeVar("T")


class SharedCache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        # one try with short bounds: a person who signs in waits for it
        bounds = {"socket_timeout": ANSWER_S, "socket_connect_timeout": CONNECT_S, "retry": Retry(NoBackoff(), 0)}
        super().__init__(server, {**params, "OPTIONS": {**bounds, **params.get("OPTIONS", {})}})
        self._own = LocMemCache("while-redis-is-away", {k: v for k, v in params.items() if k != "OPTIONS"})

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._either(super().add, self._own.add, args, kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._either(super().get, self._own.get, args, kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._either(super().set, self._own.set, args, kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        return self._either(super().touch, self._own.touch, args, kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._either(super().delete, self._own.delete, args, kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        return self._either(super().incr, self._own.incr, args, kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        return self._either(super().has_key, self._own.has_key, args, kwargs)

    def _either(
        self, shared: Callable[..., T], own: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        try:
            return shared(*args, **kwargs)
        except LostError as error:
            logger.warning("this process counts for itself, Redis is away: %s", type(error).__name__)
            return own(*args, **kwargs)
