"""A TCP proxy whose wire can be cut: while it is, nothing passes in either direction and nobody is told."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Listens on a loopback port and passes everything on to the target's port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Holds back everything."""
        self._whole.clear()

    def heal(self, *, lost: bool = False) -> None:
        """Lets everything pass again; with `lost`, connections of before end, as after a long cut."""
        if lost:
            self._end()
        self._whole.set()

    def close(self) -> None:
        """Ends it."""
        self._listener.close()
        self._end()
        self._whole.set()

    def _end(self) -> None:
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(here,), daemon=True).start()

    def _connect(self, here: socket.socket) -> None:
        self._whole.wait()
        try:
            there = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            here.close()
            return
        self._sockets += [here, there]
        for source, sink in ((here, there), (there, here)):
            threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._whole.wait()
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
