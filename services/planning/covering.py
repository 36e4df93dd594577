"""The fewest samples that cover everything, where those that say most do not fit into the budget. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np


def fewest(covers: Sequence[Iterable[Hashable]], floor: int, preferred: Sequence[float]) -> Counter[int]:
    """Samples by row, so that whatever some row covers is covered `floor` times, and by no fewer in all.

    Of equally small covers, one whose rows are high in `preferred`.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # most plans do without
    from scipy.sparse import coo_array

    needs: dict[Hashable, int] = {}
    places = [(needs.setdefault(need, len(needs)), row) for row, covered in enumerate(covers) for need in covered]
    matrix = coo_array((np.ones(len(places)), tuple(zip(*places, strict=True))), shape=(len(needs), len(covers)))
    # so little apart that all of them together weigh less than one sample
    rank = np.argsort(np.argsort(-np.asarray(preferred), kind="stable"))
    cost = 1 + rank / (len(covers) * (floor * len(needs) + 1))
    found = milp(
        cost,
        constraints=LinearConstraint(matrix.tocsr(), lb=floor),
        integrality=np.ones(len(covers)),
        bounds=Bounds(0, floor),
    )
    return Counter({row: int(n) for row, n in enumerate(np.rint(found.x)) if n})
