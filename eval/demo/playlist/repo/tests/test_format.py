from lib.format import clock


def test_clock():
    assert clock(185) == "3:05"
    assert clock(59) == "0:59"
