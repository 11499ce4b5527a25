"""How many pieces there are of each item."""


def receive(stock, item, pieces):
    """Return stock with pieces more of item."""
    after = dict(stock)
    after[item] = after.get(item, 0) + pieces
    return after


def items_below(stock, minimum):
    """Return the sorted names of the items with fewer pieces than minimum."""
    names = []
    for item, pieces in stock.items():
        if pieces <= minimum:
            names.append(item)
    return sorted(names)


def pieces_in_all(stock):
    """Return how many pieces of all items there are."""
    return sum(stock.values())
