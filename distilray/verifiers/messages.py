"""The framing between a pool and its workers: four bytes of length, then pickle."""

import struct

LENGTH = struct.Struct("!I")
