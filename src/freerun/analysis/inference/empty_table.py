"""Tables without a row, with the types that their columns have with some: numbers stay numbers when tables are joined."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd


def empty_table(columns: Collection[str], texts: Collection[str], flags: Collection[str] = ()) -> pd.DataFrame:
    """A table without a row, whose columns are numbers but for `texts` and `flags`, and a whole one where it is called `n`.

    Columns made of nothing have the type `object`, and make objects of the numbers they are joined with, which numpy takes for
    none.
    """
    kinds = dict.fromkeys(texts, "str") | dict.fromkeys(flags, "bool") | {"n": "int64"}
    return pd.DataFrame({name: pd.Series(dtype=kinds.get(name, "float")) for name in columns})
