"""Lines for the printer in the back room."""

from inventory.stock import running_low


def order_lines(stock, minimum):
    """Return one line for each item that has to be ordered."""
    return [f"order {item}: {stock[item]} left" for item in running_low(stock, minimum)]
