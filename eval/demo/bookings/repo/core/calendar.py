"""Days are counted from the first of January; a guest leaves on the last day."""


def nights_of_stay(first_day, last_day):
    """Return how many nights there are from first_day to last_day."""
    return last_day - first_day


def stays_clash(first_a, last_a, first_b, last_b):
    """Return whether the two stays have a night in common."""
    return first_a < last_b and first_b < last_a
