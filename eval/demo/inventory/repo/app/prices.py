"""What the stock is worth, in cents."""


def shelf_value(stock, prices):
    """Return the value of all pieces in stock; an item without a price is worth nothing."""
    value = 0
    for item, pieces in stock.items():
        value += pieces * prices.get(item, 0)
    return value


def dearest_item(prices):
    """Return the item with the highest price, or None if there are no prices."""
    if not prices:
        return None
    return max(prices, key=prices.get)
