"""How lengths look on the screen."""


def clock(seconds):
    """Return seconds as minutes and seconds, such as 3:05."""
    minutes = seconds // 60
    rest = seconds % 60
    return f"{minutes}:{rest:02d}"
