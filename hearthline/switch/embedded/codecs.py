"""The audio codecs of the engine: G.711 (RFC 3551 §4.5.14) and Opus at 8 kHz (RFC 6716, RFC 7587).

A codec object belongs to one leg, because Opus has a memory. Frames are those of `pcm.py`: 20 ms, 16-bit, 8 kHz.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Protocol

import opuslib_next.api

from hearthline.switch.embedded.pcm import FRAME_BYTES, SAMPLES, SILENCE, alaw2lin, lin2alaw, lin2ulaw, mul, ulaw2lin

PCMU = "PCMU"
PCMA = "PCMA"
OPUS = "opus"

_OPUS_MAX_PACKET = 1275  # bytes of one Opus frame (RFC 6716 §3.4)
_OPUS_MAX_SAMPLES = 960  # 120 ms at 8 kHz: the longest Opus packet


class Codec(Protocol):
    """What a leg's audio path needs of a codec."""

    name: str
    clock_rate: int  # of RTP timestamps
    frame_units: int  # of the RTP clock in 20 ms

    def encode(self, pcm: bytes) -> bytes:
        """One frame to one payload. Stateless codecs give the same payload for the same frame."""
        ...

    def decode(self, payload: bytes) -> bytes:
        """One 20 ms payload to one frame; silence for a payload that makes no sense."""
        ...

    def conceal(self, following: bytes | None) -> bytes | None:
        """A frame in place of a lost one; `following` is the payload after it when it is here already. None when
        the loss has lasted so long that silence is more honest."""
        ...

    def units(self, payload: bytes) -> int:
        """Length of a payload in units of the RTP clock; 0 for a payload that makes no sense."""
        ...

    def decode_long(self, payload: bytes) -> bytes:
        """Linear samples of a payload of any length."""
        ...


class G711:
    """PCMU or PCMA: one byte a sample."""

    __slots__ = ("_concealed", "_decode", "_encode", "_last", "name")

    clock_rate = 8000
    frame_units = SAMPLES

    def __init__(self, name: str) -> None:
        self.name = name
        encoders: dict[str, Callable[[bytes, int], bytes]] = {PCMU: lin2ulaw, PCMA: lin2alaw}
        decoders: dict[str, Callable[[bytes, int], bytes]] = {PCMU: ulaw2lin, PCMA: alaw2lin}
        self._encode = encoders[name]
        self._decode = decoders[name]
        self._last = SILENCE
        self._concealed = 0

    def encode(self, pcm: bytes) -> bytes:
        return self._encode(pcm, 2)

    def decode(self, payload: bytes) -> bytes:
        self._last = pcm = self._decode(payload, 2)
        self._concealed = 0
        return pcm

    def conceal(self, following: bytes | None) -> bytes | None:
        # The last frame again, each time half as loud: what G.711 appendix I does without its pitch search.
        if self._concealed >= 3:
            return None
        self._concealed += 1
        self._last = mul(self._last, 2, 0.5)
        return self._last

    def units(self, payload: bytes) -> int:
        return len(payload)

    def decode_long(self, payload: bytes) -> bytes:
        return self._decode(payload, 2)


# The library's C functions are called directly: its Python wrappers build a list of integers for every frame.
_lib = opuslib_next.api.libopus
_encode = _lib.opus_encode
_decode = _lib.opus_decode
_APPLICATION_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_LOSS, _SET_SIGNAL = 4002, 4010, 4012, 4014, 4024
_SIGNAL_VOICE = 3001
_BITRATE = 20_000
_COMPLEXITY = 3  # a third of the time of the default 9; at 8 kHz nobody hears the difference


class Opus:
    """Opus in its narrow band: 8 kHz on our side, 48 kHz in RTP's clock (RFC 7587 §4.1)."""

    name = OPUS
    clock_rate = 48000
    frame_units = 960

    def __init__(self) -> None:
        status = ctypes.c_int()
        self._decoder = _lib.opus_decoder_create(8000, 1, ctypes.byref(status))
        if status.value:
            raise MemoryError("Opus gave no decoder")
        self._encoder = _lib.opus_encoder_create(8000, 1, _APPLICATION_VOIP, ctypes.byref(status))
        if status.value:
            raise MemoryError("Opus gave no encoder")
        for request, value in (
            (_SET_BITRATE, _BITRATE),
            (_SET_COMPLEXITY, _COMPLEXITY),
            (_SET_INBAND_FEC, 1),
            (_SET_LOSS, 10),  # percent expected: FEC is only written when some loss is expected
            (_SET_SIGNAL, _SIGNAL_VOICE),
        ):
            _lib.opus_encoder_ctl(self._encoder, request, ctypes.c_int(value))
        self._pcm = (ctypes.c_int16 * _OPUS_MAX_SAMPLES)()
        self._frame = (ctypes.c_int16 * SAMPLES)()
        self._packet = (ctypes.c_char * _OPUS_MAX_PACKET)()
        self._packet_bytes = ctypes.cast(self._packet, ctypes.POINTER(ctypes.c_ubyte))
        self._concealed = 0

    def __del__(self) -> None:
        for state, destroy in (("_decoder", _lib.opus_decoder_destroy), ("_encoder", _lib.opus_encoder_destroy)):
            if getattr(self, state, None):
                destroy(getattr(self, state))

    def encode(self, pcm: bytes) -> bytes:
        ctypes.memmove(self._frame, pcm, FRAME_BYTES)
        size = _encode(self._encoder, self._frame, SAMPLES, self._packet, _OPUS_MAX_PACKET)
        return self._packet.raw[:size] if size > 0 else b"\xf8\xff\xfe"  # the canonical silent frame

    def _decoded(self, payload: bytes | None, samples: int, *, fec: int = 0) -> bytes:
        count = _decode(self._decoder, payload, len(payload) if payload else 0, self._pcm, samples, fec)
        if count <= 0:
            return bytes(2 * samples)
        return ctypes.string_at(self._pcm, 2 * count)

    def decode(self, payload: bytes) -> bytes:
        self._concealed = 0
        pcm = self._decoded(payload, SAMPLES)
        return pcm if len(pcm) == FRAME_BYTES else SILENCE

    def conceal(self, following: bytes | None) -> bytes | None:
        if self._concealed >= 5:
            return None
        self._concealed += 1
        if following is not None:
            return self._decoded(following, SAMPLES, fec=1)
        return self._decoded(None, SAMPLES)

    def units(self, payload: bytes) -> int:
        """RFC 6716 §3.1: the first byte gives the frame size, its last two bits the number of frames."""
        if not payload:
            return 0
        config, code = payload[0] >> 3, payload[0] & 3
        if config < 12:
            frame = (480, 960, 1920, 2880)[config & 3]
        elif config < 16:
            frame = (480, 960)[config & 1]
        else:
            frame = (120, 240, 480, 960)[config & 3]
        if code == 3:
            count = payload[1] & 0x3F if len(payload) > 1 else 0
        else:
            count = 1 if code == 0 else 2
        units = frame * count
        return units if units <= 5760 else 0

    def decode_long(self, payload: bytes) -> bytes:
        self._concealed = 0
        return self._decoded(payload, _OPUS_MAX_SAMPLES)


def make_codec(name: str) -> Codec:
    """A fresh codec by its name in SDP; KeyError for one the engine does not have."""
    if name == OPUS:
        return Opus()
    if name in (PCMU, PCMA):
        return G711(name)
    raise KeyError(name)
