"""Two channels of speech by Opus as two mono streams of one packet (RFC 6716 appendix B, RFC 7845 §5.1.1.2).

One coupled stream would be smaller by nothing that matters and wrong: at 16 kbit/s for both, libopus gives up stereo and
mixes the two people into one (measured: 0 dB of crosstalk; ADR 18). Uncoupled streams share nothing.
"""

from __future__ import annotations

import ctypes
from array import array
from typing import Any

import opuslib_next.api

RATE = 8000  # Hz, of both sides
FRAME_MS = 60  # three SILK frames to a packet: a tenth fewer bytes than with 20 ms
FRAME = RATE * FRAME_MS // 1000  # samples of each channel in a packet
_VOIP = 2048
_SET_BITRATE, _SET_VBR, _SET_COMPLEXITY, _SET_SIGNAL, _GET_LOOKAHEAD = 4002, 4006, 4010, 4024, 4027
_VOICE = 3001
_COMPLEXITY = 3  # of 10
_MAX_PACKET = 2 * 3 * 1275 + 4  # bytes
_MAPPING = bytes((0, 1))  # left is the first stream, right the second

_lib: Any = opuslib_next.api.libopus
# prototypes of our own, so that the ones that the library's Python modules set on its functions are left alone
_create_encoder = ctypes.CFUNCTYPE(
    ctypes.c_void_p, ctypes.c_int32, *[ctypes.c_int] * 3, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)
)(("opus_multistream_encoder_create", _lib))
_create_decoder = ctypes.CFUNCTYPE(
    ctypes.c_void_p, ctypes.c_int32, *[ctypes.c_int] * 3, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)
)(("opus_multistream_decoder_create", _lib))
_encode = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int32
)(("opus_multistream_encode", _lib))
_decode = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int
)(("opus_multistream_decode", _lib))
_create_mono = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int32, ctypes.c_int, ctypes.POINTER(ctypes.c_int))(
    ("opus_decoder_create", _lib)
)
_decode_mono = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int
)(("opus_decode", _lib))
_destroy_mono = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("opus_decoder_destroy", _lib))
_LONGEST_FRAME = RATE * 120 // 1000  # samples: no packet has more (RFC 6716 §2.1.4)
_destroy_encoder = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("opus_multistream_encoder_destroy", _lib))
_destroy_decoder = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("opus_multistream_decoder_destroy", _lib))
_ctl = _lib.opus_multistream_encoder_ctl  # takes a varying number of arguments, which a prototype cannot say


class OpusError(Exception):
    """libopus refused; the text has its code."""


class Encoder:
    """`bits_per_s` are those of each channel. One for each recording: it has a memory."""

    def __init__(self, bits_per_s: int) -> None:
        status = ctypes.c_int()
        self._state = _create_encoder(RATE, 2, 2, 0, _MAPPING, _VOIP, ctypes.byref(status))
        if status.value:
            raise OpusError(f"no encoder: {status.value}")
        for request, value in (
            (_SET_BITRATE, 2 * bits_per_s), (_SET_VBR, 1), (_SET_COMPLEXITY, _COMPLEXITY), (_SET_SIGNAL, _VOICE),
        ):  # fmt: skip
            self._control(request, ctypes.c_int32(value))
        ahead = ctypes.c_int32()
        self._control(_GET_LOOKAHEAD, ctypes.byref(ahead))
        self.lookahead = ahead.value  # samples that come out before the first one that went in
        self._packet = (ctypes.c_ubyte * _MAX_PACKET)()

    def _control(self, request: int, argument: Any) -> None:
        code = _ctl(ctypes.c_void_p(self._state), ctypes.c_int(request), argument)
        if code:
            raise OpusError(f"the encoder refused request {request}: {code}")

    def encode(self, samples: array[int]) -> bytes:
        """One packet of exactly FRAME samples of each channel, interleaved."""
        if len(samples) != 2 * FRAME:
            raise ValueError("a packet has exactly FRAME samples of each channel")
        size = _encode(self._state, samples.buffer_info()[0], FRAME, self._packet, _MAX_PACKET)
        if size < 0:
            raise OpusError(f"a frame could not be encoded: {size}")
        return ctypes.string_at(self._packet, size)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            _destroy_encoder(self._state)


class Decoder:
    def __init__(self) -> None:
        status = ctypes.c_int()
        self._state = _create_decoder(RATE, 2, 2, 0, _MAPPING, ctypes.byref(status))
        if status.value:
            raise OpusError(f"no decoder: {status.value}")
        self._samples = (ctypes.c_int16 * (2 * FRAME))()

    def decode(self, packet: bytes) -> array[int]:
        """FRAME samples of each channel, interleaved. OpusError for a packet that is none, or of another length."""
        count = _decode(self._state, packet, len(packet), self._samples, FRAME, 0)
        if count != FRAME:
            raise OpusError(f"a packet could not be decoded: {count}")
        return array("h", ctypes.string_at(self._samples, 4 * FRAME))

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            _destroy_decoder(self._state)


class MonoDecoder:
    """Of anybody's Opus, with one channel or two: at 8 kHz and mixed into one."""

    def __init__(self) -> None:
        status = ctypes.c_int()
        self._state = _create_mono(RATE, 1, ctypes.byref(status))
        if status.value:
            raise OpusError(f"no decoder: {status.value}")
        self._samples = (ctypes.c_int16 * _LONGEST_FRAME)()

    def decode(self, packet: bytes) -> bytes:
        """16-bit samples in the machine's byte order. OpusError for a packet that is none."""
        count = _decode_mono(self._state, packet, len(packet), self._samples, _LONGEST_FRAME, 0)
        if count < 0:
            raise OpusError(f"a packet could not be decoded: {count}")
        return ctypes.string_at(self._samples, 2 * count)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            _destroy_mono(self._state)
