"""Doing things at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
_PATIENCE_S = 60


def together(count: int, work: Callable[[int], T]) -> list[T | BaseException]:
    """Run `work(0) .. work(count - 1)` in threads that start at one moment; each one's result or exception, in order."""
    start = threading.Barrier(count)
    results: list[T | BaseException | None] = [None] * count

    def run(number: int) -> None:
        try:
            start.wait(_PATIENCE_S)
            results[number] = work(number)
        except BaseException as error:  # noqa: BLE001 - what happened is what the test asks for
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE_S)
        assert not thread.is_alive(), "a thread is stuck: a deadlock"
    return results  # type: ignore[return-value]  # every thread has ended and left something


def failures(results: list[T | BaseException]) -> list[BaseException]:
    return [r for r in results if isinstance(r, BaseException)]
