"""Which tracks there are and how long they play."""


def longest_title(tracks):
    """Return the title of the longest track, the first one on ties."""
    best_title = ""
    best_length = 0
    for title, length in tracks:
        if length > best_length:
            best_title = title
            best_length = length
    return best_length


def playing_time(tracks):
    """Return the length of all tracks in seconds."""
    return sum(length for _, length in tracks)
