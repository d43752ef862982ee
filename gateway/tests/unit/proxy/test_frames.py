"""The edges of WebSocket frames, against an independent implementation of the framing."""

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from gateway.proxy.domain.frames import FrameBoundaries, close_frame

payloads = st.one_of(st.binary(max_size=200), st.sampled_from([b"x" * size for size in (125, 126, 65_535, 65_536)]))
frames = st.builds(
    lambda data, opcode, fin, mask: Frame(opcode, data, fin=fin).serialize(mask=mask),
    payloads,
    st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(frames, min_size=1, max_size=6), st.lists(st.integers(1, 70_000), max_size=8), st.data())
def test_an_edge_is_where_a_frame_ends_and_nowhere_else(
    sent: list[bytes], sizes: list[int], data: st.DataObject
) -> None:
    edges, end = {0}, 0
    for frame in sent:
        end += len(frame)
        edges.add(end)
    stream, boundaries, position = b"".join(sent), FrameBoundaries(), 0
    assert boundaries.at_boundary
    while position < len(stream):
        near = [edge - position + step for edge in edges for step in (-1, 0, 1) if edge - position + step > 0]
        size = sizes.pop() if sizes else data.draw(st.sampled_from([1, *near, len(stream)]))
        boundaries.feed(stream[position : position + size])
        position = min(position + size, len(stream))
        assert boundaries.at_boundary == (position in edges)


def test_bytes_one_by_one() -> None:
    boundaries = FrameBoundaries()
    frame = Frame(Opcode.TEXT, b"abc").serialize(mask=True)
    for position in range(len(frame)):
        boundaries.feed(frame[position : position + 1])
        assert boundaries.at_boundary == (position == len(frame) - 1)


def test_the_closing_frame_is_one_to_others_too() -> None:
    reader = StreamReader()
    reader.feed_data(close_frame(1008))
    parser = Frame.parse(reader.read_exact, mask=False)
    try:
        next(parser)
    except StopIteration as done:
        frame = done.value
    assert frame.opcode is Opcode.CLOSE
    assert Close.parse(frame.data).code == 1008
