from core.calendar import nights_of_stay, stays_clash


def test_nights_of_stay():
    assert nights_of_stay(10, 14) == 4


def test_stays_clash():
    assert stays_clash(10, 14, 13, 15) is True
    assert stays_clash(10, 14, 14, 15) is False
