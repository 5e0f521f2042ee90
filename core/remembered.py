"""Results that are kept as long as what they were computed from."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

_Of = TypeVar("_Of")
_Result = TypeVar("_Result")


def remembered(function: Callable[[_Of], _Result]) -> Callable[[_Of], _Result]:
    """Compute a function of an object that doesn't change once, until the object is gone.

    Args:
        function: of one object, which is known by its identity.
    """
    results: WeakKeyDictionary[_Of, _Result] = WeakKeyDictionary()

    @wraps(function)
    def remembering(of: _Of) -> _Result:
        if of not in results:
            results[of] = function(of)
        return results[of]

    return remembering
