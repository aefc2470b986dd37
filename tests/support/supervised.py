"""A program for the supervisor: PORT, then nothing, `exit CODE WORDS`, `waiting WHY` or `deaf`."""

from __future__ import annotations

import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


def main(arguments: list[str]) -> int:
    port, how = int(arguments[0]), arguments[1:]
    if how[:1] == ["exit"]:
        print(how[2], flush=True)
        return int(how[1])
    signal.signal(signal.SIGTERM, signal.SIG_IGN if how == ["deaf"] else _drained)
    server = HTTPServer(("127.0.0.1", port), _handler(how))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()
    if how == ["deaf"]:
        threading.Event().wait()
    return 0


def _handler(how: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if how[:1] == ["waiting"] else 200)
            self.end_headers()
            self.wfile.write(" ".join(how).encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _drained(*_: object) -> None:
    print("drained", flush=True)
    sys.exit(0)
