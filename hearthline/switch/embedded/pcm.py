"""What one 20 ms frame of telephone audio is, and the C routines that work on it.

Linear audio in this package is 16-bit native-endian mono at 8 kHz. The engine runs on little-endian machines (WAV is
little-endian; `array` and `audioop` use the native order), so frames go to disk as they are.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # Deprecated in 3.11 and gone from 3.13, where `audioop-lts` (pinned in requirements) carries the same module.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

add = audioop.add
mul = audioop.mul
rms = audioop.rms
maxpp = audioop.maxpp
ratecv = audioop.ratecv
alaw2lin = audioop.alaw2lin
lin2alaw = audioop.lin2alaw
lin2ulaw = audioop.lin2ulaw
ulaw2lin = audioop.ulaw2lin
tomono = audioop.tomono
tostereo = audioop.tostereo

RATE = 8000  # samples per second
TICK_MS = 20
TICK_S = TICK_MS / 1000
SAMPLES = RATE * TICK_MS // 1000  # 160 samples in a frame
FRAME_BYTES = 2 * SAMPLES
FULL_SCALE = 32768

SILENCE = bytes(FRAME_BYTES)  # one linear frame of nothing
