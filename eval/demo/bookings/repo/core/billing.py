"""What a stay costs, in whole euros."""


def stay_price(nights, rate, cleaning):
    """Return the price of a stay: rate for each night, plus cleaning once."""
    return nights * rate - cleaning


def deposit(price, percent):
    """Return percent of price, rounded down."""
    return price * percent // 100
