"""Waiting out a store that fails for a while.

Object stores throttle, lose connections and restart; network disks hang. None of it is the fault of a row, so a run
waits and tries again before it gives up. Pauses grow and are drawn at random (full jitter; Brooker, "Exponential
backoff and jitter", 2015), so that many runners do not come back at once.
"""

from __future__ import annotations

import errno
import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from distilray.errors import MachineryFault
from distilray.storage.addresses import without_keys

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
NEVER = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG, errno.ENOTDIR,
    errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EINVAL,
}  # fmt: skip
"""Errors of a disk that a second try meets again."""
NEVER_ON_OBJECT_STORES = (
    "ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_BUCKET_NAME",
    "PERMISSION_DENIED", "UNAUTHENTICATED",  # Google Cloud Storage
    "AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch", "ContainerNotFound",  # Azure
)  # fmt: skip
"""The same in the text of pyarrow's errors, which carry no number."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class StorageFault(MachineryFault, OSError):
    """A store did not answer for as long as was waited for, or refuses: its disk is full, its keys are wrong."""


def patiently(call: Callable[[], T], place: str, seconds: float) -> T:
    """What ``call`` returns, tried again for ``seconds`` where its :class:`OSError` may pass.

    Raises :class:`FileNotFoundError` as ``call`` does, and :class:`StorageFault`, which names ``place``, for every
    other OSError.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_S
    tries = 0
    while True:
        tries += 1
        try:
            return call()
        except (FileNotFoundError, StorageFault):
            raise
        except OSError as error:
            left = deadline - time.monotonic()
            said = without_keys(str(error))  # it may repeat the address, with a signature in it
            if left <= 0 or not passes(error):
                raise StorageFault(f"{place}: {said} ({_tried(tries)})") from error
            log.warning("%s: %s; trying again", place, said)
            time.sleep(min(random.uniform(0, pause), left))
            pause = min(2 * pause, LONGEST_PAUSE_S)


def passes(error: OSError) -> bool:
    """Whether another try may succeed."""
    if error.errno in NEVER:
        return False
    return not any(mark in str(error) for mark in NEVER_ON_OBJECT_STORES)


def _tried(tries: int) -> str:
    return "not tried again: it would fail again" if tries == 1 else f"tried {tries} times"
