from app.inventory import pieces_in_all, receive, items_below


def test_receive():
    assert receive({"bolt": 3}, "bolt", 4) == {"bolt": 7}
    assert receive({}, "nut", 2) == {"nut": 2}


def test_items_below():
    assert items_below({"bolt": 3, "nut": 90}, 10) == ["bolt"]
    assert items_below({}, 10) == []


def test_items_below_at_minimum():
    assert items_below({"bolt": 5, "nut": 9}, 5) == []


def test_items_below_is_sorted():
    assert items_below({"washer": 1, "bolt": 2}, 4) == ["bolt", "washer"]


def test_pieces_in_all():
    assert pieces_in_all({"bolt": 3, "nut": 90}) == 93
