"""Lines for the printer in the back room."""

from app.inventory import items_below


def order_lines(stock, minimum):
    """Return one line for each item that has to be ordered."""
    return [f"order {item}: {stock[item]} left" for item in items_below(stock, minimum)]
