from core.billing import deposit, stay_price


def test_stay_price():
    assert stay_price(3, 80, 25) == 265


def test_stay_price_of_one_night():
    assert stay_price(1, 70, 20) == 90


def test_stay_price_without_cleaning():
    assert stay_price(2, 60, 0) == 120


def test_deposit():
    assert deposit(265, 20) == 53
