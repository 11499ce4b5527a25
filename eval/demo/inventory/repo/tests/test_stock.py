from inventory.stock import pieces_in_all, receive, running_low


def test_receive():
    assert receive({"bolt": 3}, "bolt", 4) == {"bolt": 7}
    assert receive({}, "nut", 2) == {"nut": 2}


def test_running_low():
    assert running_low({"bolt": 3, "nut": 90}, 10) == ["bolt"]
    assert running_low({}, 10) == []


def test_running_low_at_the_minimum():
    assert running_low({"bolt": 5, "nut": 9}, 5) == []


def test_running_low_is_sorted():
    assert running_low({"washer": 1, "bolt": 2}, 4) == ["bolt", "washer"]


def test_pieces_in_all():
    assert pieces_in_all({"bolt": 3, "nut": 90}) == 93
