"""The port's promise about errors, kept for every method of the engine."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from hearthline.switch.port import SwitchError, SwitchErrorCode

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def port_errors(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Keep the port's promise that a method raises SwitchError and nothing else."""

    @functools.wraps(method)
    async def kept(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except SwitchError:
            raise
        except Exception as error:
            log.exception("engine: %s failed", method.__name__)
            raise SwitchError(SwitchErrorCode.FAILED, f"The switch failed ({type(error).__name__}).") from error

    return kept
