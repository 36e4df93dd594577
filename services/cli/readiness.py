"""Quick looks at whether something answers. Standard library only: commands that ask start fast."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlsplit


def is_ready(base_url: str, timeout: float = 1.0) -> bool:
    """Whether the service answers GET /readyz with 200."""
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def accepts(address: str, default_port: int, timeout: float = 1.0) -> bool:
    """Whether anything accepts connections at the address: a URL, or host:port, or a list of them of which one does."""
    for one in address.split(","):
        url = urlsplit(one if "://" in one else f"//{one}")
        try:
            socket.create_connection((url.hostname or "", url.port or default_port), timeout=timeout).close()
        except (OSError, ValueError):
            continue
        return True
    return False
