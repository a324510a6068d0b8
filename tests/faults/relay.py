"""A cable between two processes that can be cut: a TCP relay that stops forwarding and keeps its connections, so that nobody
is told. It needs no privileges; `islands.py` cuts a network for real where the machine permits it."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress


class Cable:
    def __init__(
        self, target_port: int, *, target_host: str = "127.0.0.1", host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._target = (target_host, target_port)
        self._through = threading.Event()
        self._through.set()
        self._listener = socket.create_server((host, port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._through.clear()

    def mend(self) -> None:
        self._through.set()

    def close(self) -> None:
        self._through.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with closing(near), suppress(OSError):
            self._through.wait()
            with closing(socket.create_connection(self._target, 5)) as far:
                far.settimeout(None)
                back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
                back.start()
                self._pump(near, far)
                back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._through.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
