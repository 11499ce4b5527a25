from app.report import order_lines


def test_order_lines():
    assert order_lines({"bolt": 3, "nut": 90}, 10) == ["order bolt: 3 left"]
