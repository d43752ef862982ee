"""A service as small as can be: stand_in.py PORT [stubborn|broken]. It has a child of its own, as a process pool would be."""

import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def main() -> None:
    behaviour = sys.argv[2] if len(sys.argv) > 2 else "obedient"
    if behaviour == "broken":
        sys.exit("the setting X is missing")
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", sys.argv[1]])
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
