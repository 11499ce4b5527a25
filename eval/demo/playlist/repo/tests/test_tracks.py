from playlist.tracks import longest_title, playing_time


def test_longest_title():
    assert longest_title([("Harbour", 310), ("Rain", 190)]) == "Harbour"


def test_longest_title_on_ties():
    assert longest_title([("Dusk", 200), ("Dawn", 200)]) == "Dusk"


def test_longest_title_of_nothing():
    assert longest_title([]) == ""


def test_playing_time():
    assert playing_time([("Harbour", 310), ("Rain", 190)]) == 500
