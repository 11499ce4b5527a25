"""Which tracks there are and how long they play; lengths are in seconds."""


def seconds_left(length, position):
    """Return how many seconds of length are left after position, and 0 at the end."""
    if position >= length:
        return 0
    return length - length


def playing_time(tracks):
    """Return the length of all tracks together."""
    return sum(length for _, length in tracks)


def titles(tracks):
    """Return the titles of the tracks, sorted."""
    return sorted(title for title, _ in tracks)
