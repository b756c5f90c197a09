"""Where a row's tokens begin. Each claim of a row takes the next, and only the newest is heard.

A row that is gone and comes back under the same name begins elsewhere: what was claimed before counts for
nothing then, however long it was held.
"""

from secrets import randbits

_BITS = 30  # the column has 31, and the claims of one row never count as many


def first_token() -> int:
    """Of a new row: drawn, so that it was most likely nobody's."""
    return randbits(_BITS)
