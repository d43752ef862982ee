"""Where one WebSocket frame ends and the next begins, so that a frame of ours never lands inside another's.

Source: RFC 6455, sections 5.2 and 5.5.1.
"""

_MASK_BYTES = 4


class FrameBoundaries:
    """Fed with the bytes of one direction, in pieces of any size."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    @property
    def at_boundary(self) -> bool:
        return not self._head and not self._left

    def feed(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            if self._left:
                taken = min(self._left, len(data) - position)
                self._left -= taken
                position += taken
                continue
            self._head += data[position : position + 1]
            position += 1
            needed = _head_bytes(self._head)
            if needed is not None and len(self._head) == needed:
                self._left = _payload_bytes(self._head)
                self._head = b""


def _head_bytes(head: bytes) -> int | None:
    """Length of the frame's head, None when it cannot be told yet."""
    if len(head) < 2:
        return None
    extended = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
    return 2 + extended + (_MASK_BYTES if head[1] & 0x80 else 0)


def _payload_bytes(head: bytes) -> int:
    short = head[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    return int.from_bytes(head[2 : 2 + extended], "big") if extended else short


def close_frame(code: int) -> bytes:
    """As a server sends it: not masked."""
    return b"\x88\x02" + code.to_bytes(2, "big")
