from lib.records import playing_time, seconds_left, titles


def test_seconds_left():
    assert seconds_left(310, 100) == 210


def test_seconds_left_at_the_start():
    assert seconds_left(190, 0) == 190


def test_seconds_left_at_the_end():
    assert seconds_left(190, 190) == 0
    assert seconds_left(190, 200) == 0


def test_playing_time():
    assert playing_time([("Harbour", 310), ("Rain", 190)]) == 500


def test_titles():
    assert titles([("Rain", 190), ("Harbour", 310)]) == ["Harbour", "Rain"]
