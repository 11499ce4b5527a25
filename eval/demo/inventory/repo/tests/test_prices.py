from app.prices import dearest_item, shelf_value


def test_shelf_value():
    assert shelf_value({"bolt": 3, "nut": 2}, {"bolt": 10, "nut": 5}) == 40
    assert shelf_value({"bolt": 3}, {}) == 0


def test_dearest_item():
    assert dearest_item({"bolt": 10, "drill": 4900}) == "drill"
    assert dearest_item({}) is None
