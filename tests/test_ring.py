"""The last minutes in memory: how much of them, and what is needed to read a part of them."""

from edgehar.recordings.ring import Ring


def filled(ring: Ring, seconds: int) -> Ring:
    for t in range(seconds):
        ring.push(float(t), 0, bytes(100))
    return ring


def test_only_the_newest_seconds_are_held() -> None:
    ring = filled(Ring(10.0), 100)
    assert ring.oldest == 89.0
    assert [t for t, _, _ in ring.between(0.0, 92.5)] == [89.0, 89.0, 90.0, 91.0, 92.0]
    assert ring.between(0.0, 50.0) == []


def test_a_sensor_that_sends_much_has_fewer_seconds() -> None:
    ring = filled(Ring(1e9, largest=2600), 100)
    assert ring.size <= 2600
    assert ring.oldest == 90.0


def test_a_part_begins_with_what_was_last_told_of_how_it_is_to_be_read() -> None:
    ring = Ring(10.0)
    for t in range(30):
        if ring.wants_preambles(t):
            ring.note_preambles(t, [(b"old",) if t < 15 else (b"new",), ()])
        ring.push(float(t), 1, b"x")
    assert ring.between(21.0, 21.0) == [(21.0, 0, b""), (21.0, 0, b"new"), (21.0, 1, b"x")]

    ring = Ring(100.0)
    for t in range(30):
        ring.note_preambles(t, [(b"old",) if t < 15 else (b"new",)])
        ring.push(float(t), 0, b"x")
    assert (14.0, 0, b"old") in ring.between(14.0, 16.0)
    assert (15.0, 0, b"new") in ring.between(15.0, 16.0)


def test_what_is_forgotten_is_gone() -> None:
    ring = filled(Ring(10.0), 5)
    ring.clear()
    assert (ring.between(0.0, 9.0), ring.size) == ([], 0)
