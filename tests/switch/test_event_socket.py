"""The client of FreeSWITCH's event socket against a scripted far end: bounds, order, and nothing sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from hearthline.switch.freeswitch.event_socket import EventSocket, Handlers
from hearthline.switch.freeswitch.frames import Event, FrameError, command, parse_event, read_frame
from hearthline.switch.port import SwitchError, SwitchErrorCode

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class FarEnd:
    """A listening socket that logs in whoever comes, then follows the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.commands: list[str] = []
        self.connections = 0
        self.events: list[Event] = []
        self.downs: list[str] = []
        self.down = asyncio.Event()

    async def start(self) -> EventSocket:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]

        async def up() -> None:
            return

        def down(reason: str) -> None:
            self.downs.append(reason)
            self.down.set()

        handlers = Handlers(event=self.events.append, up=up, down=down)
        self.client = EventSocket("127.0.0.1", port, "secret", ("HEARTBEAT",), handlers)
        self.client.start()
        return self.client

    async def stop(self) -> None:
        await self.client.close()
        self._server.close()

    async def next_command(self, reader: asyncio.StreamReader) -> str:
        line = (await reader.readuntil(b"\n\n")).decode().strip()
        self.commands.append(line)
        return line

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            writer.write(b"Content-Type: auth/request\n\n")
            for _ in range(2):
                await self.next_command(reader)
                writer.write(b"Content-Type: command/reply\nReply-Text: +OK\n\n")
            await self._script(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            writer.close()


@pytest.fixture
async def far_end(request: pytest.FixtureRequest) -> AsyncIterator[FarEnd]:
    end = FarEnd(request.param)
    request.node.end = end
    await end.start()
    yield end
    await end.stop()


def reply(text: str) -> bytes:
    return f"Content-Type: api/response\nContent-Length: {len(text)}\n\n{text}".encode()


async def _answers_late_and_in_order(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    asked = [(await reader.readuntil(b"\n\n")).decode().strip() for _ in range(3)]
    body = "Event-Name: HEARTBEAT\nNote: a%20b%0Ac\n\n"
    writer.write(f"Content-Type: text/event-plain\nContent-Length: {len(body)}\n\n{body}".encode())
    for line in asked:
        writer.write(reply(line.removeprefix("api ")))
    await reader.read()


async def _dies_at_the_first_command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\n\n")


async def _floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"Content-Type: api/response\nContent-Length: 99999999\n\n")
    await reader.read()


@pytest.mark.parametrize("far_end", [_answers_late_and_in_order], indirect=True)
async def test_replies_belong_to_their_commands_and_events_pass_between(far_end: FarEnd) -> None:
    await far_end.client.wait_connected()
    assert await asyncio.gather(*(far_end.client.api(word) for word in "abc")) == ["a", "b", "c"]
    assert far_end.events == [{"Event-Name": "HEARTBEAT", "Note": "a b\nc"}]


@pytest.mark.parametrize("far_end", [_dies_at_the_first_command], indirect=True)
async def test_a_command_of_unknown_fate_is_not_sent_again(far_end: FarEnd) -> None:
    await far_end.client.wait_connected()
    with pytest.raises(SwitchError) as error:
        await far_end.client.api("originate something")
    assert error.value.code is SwitchErrorCode.UNREACHABLE
    await asyncio.wait_for(far_end.down.wait(), 5)
    await far_end.client.wait_connected()
    assert far_end.connections == 2
    assert not [line for line in far_end.commands if "originate" in line]


@pytest.mark.parametrize("far_end", [_floods], indirect=True)
async def test_a_message_that_is_too_long_ends_the_connection(far_end: FarEnd) -> None:
    await asyncio.wait_for(far_end.down.wait(), 5)
    assert far_end.downs[0] == "a message that is too long"


async def test_a_command_cannot_carry_a_second_one() -> None:
    for text in ("api a\n\napi b", "api a\rb", "api a\0"):
        with pytest.raises(ValueError, match="one line"):
            command(text)


@pytest.mark.parametrize("head", [b"Content-Length: -1", b"Content-Length: x", b"Content-Length: 9999999999"])
async def test_a_length_that_cannot_be_is_refused(head: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(head + b"\n\n")
    with pytest.raises(FrameError):
        await read_frame(reader)


async def test_a_header_without_end_is_refused() -> None:
    reader = asyncio.StreamReader(limit=1024)
    reader.feed_data(b"a" * 4096)
    with pytest.raises(FrameError):
        await read_frame(reader)


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(FrameError):
        parse_event(b"a: b\n" * 5000)
