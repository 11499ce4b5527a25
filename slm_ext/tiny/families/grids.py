"""Function families over grids, lists of rows (group `loops`)."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import comparison, function


@family("loops")
def grid_counts(r: random.Random) -> Sketch:
    kind = r.choice(["rows", "columns", "diagonal", "border"])
    names, said, one, two = {
        "rows": ("row_sums sums_per_row", "the sum of each row of grid", "[sum(row) for row in grid]", ""),
        "columns": ("column_sums sums_per_column", "the sum of each column of grid",
                    "[sum(column) for column in zip(*grid)]", ""),
        "diagonal": ("diagonal_sum trace", "the sum of the main diagonal of the square grid",
                     "sum(grid[$i][$i] for $i in range(len(grid)))", "$i == $j"),
        "border": ("sum_above_diagonal upper_sum", "the sum of the cells right of the main diagonal of the square grid",
                   "sum(sum(grid[$i][$i + 1 :]) for $i in range(len(grid)))", "$j > $i"),
    }[kind]  # fmt: skip
    loop = f"""
            $total = 0
            for $i, row in enumerate(grid):
                for $j, cell in enumerate(row):
                    if {two}:
                        $total += cell
            return $total
    """ if two else f"""
            $out = []
            for {"row in grid" if kind == "rows" else "column in range(len(grid[0]) if grid else 0)"}:
                $total = 0
                for {"cell in row" if kind == "rows" else "row in grid"}:
                    $total += {"cell" if kind == "rows" else "row[column]"}
                $out.append($total)
            return $out
    """  # fmt: skip
    return function(
        r, names=names, params="grid", noun="grid matrix tables", what=f"{said}|{said}, a list of rows", j="j",
        bodies=f"""
            return {one}
            ---{loop}""",
        checks="$f([[1, 2], [3, 4]]); $f([]); $f([[5]]); $f([[0, -1], [7, 2]]); $f([[1, 2, 3], [4, 5, 6], [7, 8, 9]]);"
        "$f([[2, 0, 1], [0, 3, 0], [6, 0, 4]])",
    )  # fmt: skip


@family("loops")
def count_cells(r: random.Random) -> Sketch:
    op, word, phrase = comparison(r)
    what = r.choice(["cells", "rows"])
    names = f"count_cells_{word} cells_{word}" if what == "cells" else f"count_rows_with_all_{word} full_rows_{word}"
    said = "cells of grid that are" if what == "cells" else "rows of grid with all cells"
    said = f"{said} {phrase} $limit"
    bodies = """
            $total = 0
            for row in grid:
                for cell in row:
                    if cell $op $limit:
                        $total += 1
            return $total
            ---
            return sum(1 for row in grid for cell in row if cell $op $limit)
    """ if what == "cells" else """
            $total = 0
            for row in grid:
                if all(cell $op $limit for cell in row):
                    $total += 1
            return $total
            ---
            return len([row for row in grid if all(cell $op $limit for cell in row)])
    """  # fmt: skip
    return function(
        r, names=names, params="grid, $limit", noun="grid maps tables", hints="list[list[int]]; int -> int", op=op,
        what=f"the number of {said}|how many {said} there are", bodies=bodies,
        checks="$f([[1, 2], [3, 4]], 2); $f([], 3); $f([[5]], 5); $f([[0, -1], [1, 0]], 0);"
        "$f([[4, 4], [4, 5], [3, 4]], 4);"
        "$f([[6, 7, 8], [9, 1, 2]], 5); $f([[1], [2], [3]], 2); $f([[7, 8], [9, 9]], 3); $f([[1, 2], [0, 1], [2]], 3)",
    )  # fmt: skip


@family("loops")
def turned(r: random.Random) -> Sketch:
    names, said, expr, at, tall = r.choice([
        ("transpose swap_rows_and_columns", "with rows and columns swapped", "[list(column) for column in zip(*grid)]",
         "grid[row][column]", False),
        ("rotate_right turn_clockwise", "turned a quarter to the right",
         "[list(column) for column in zip(*grid[::-1])]",
         "grid[len(grid) - 1 - row][column]", False),
        ("mirror flip_left_right", "with every row reversed", "[row[::-1] for row in grid]",
         "grid[row][len(grid[0]) - 1 - column]", True),
        ("flip_upside_down reverse_rows", "with its rows in reverse order", "[list(row) for row in reversed(grid)]",
         "grid[len(grid) - 1 - row][column]", True),
    ])  # fmt: skip
    rows, columns = "for row in range(len(grid)):", "for column in range(len(grid[0])):"
    outer, inner = (rows, columns) if tall else (columns, rows)
    empty = "if not grid:\n                return []\n            "
    return function(
        r, names=names, params="grid", noun="grid images matrix", hints="list[list[int]] -> list[list[int]]",
        what=f"grid {said}|a copy of grid {said}|a new grid: grid {said}",
        bodies=f"""
            return {expr}
            ---
            {empty}$out = []
            {outer}
                line = []
                {inner}
                    line.append({at})
                $out.append(line)
            return $out
        """,
        checks="$f([[1, 2], [3, 4]]); $f([]); $f([[5]]); $f([[1, 2, 3]]); $f([[1], [2]]); $f([[1, 2, 3], [4, 5, 6]]);"
        "$f([[7, 0], [0, 7], [1, 2]])",
    )  # fmt: skip
