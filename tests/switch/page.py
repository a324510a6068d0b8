"""A page that takes a line as the exchange's own page does, in a browser that nobody drives: it tells its server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

CHROMIUM = "/usr/bin/chromium"
FIREFOX = "/usr/bin/firefox-esr"

_PAGE = """<!doctype html><meta charset="utf-8"><title>line</title><script>
const say = (path, body) => fetch(path, {method: "POST", body: JSON.stringify(body)}).then(r => r.json());
let pc, an, ctx, sender;
async function offer(options) {
  await pc.setLocalDescription(await pc.createOffer(options));
  const {answer} = await say("/offer", {sdp: pc.localDescription.sdp});
  await pc.setRemoteDescription({type: "answer", sdp: answer});
}
async function begin() {
  pc = new RTCPeerConnection();
  const clean = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
  const stream = await navigator.mediaDevices.getUserMedia({audio: clean});
  sender = pc.addTrack(stream.getTracks()[0], stream);
  pc.ontrack = event => {
    if (location.hash === "#encoded") return watchFrames(event.receiver);
    const audio = document.createElement("audio");
    audio.srcObject = event.streams[0] || new MediaStream([event.track]);
    audio.play();
    ctx = new AudioContext();
    an = ctx.createAnalyser();
    an.fftSize = 8192;
    ctx.createMediaStreamSource(audio.srcObject).connect(an);
  };
  await offer();
  setInterval(tell, 200);
}
function peak() {
  if (location.hash === "#encoded") return crossings;
  if (!an) return 0;
  const bins = new Float32Array(an.frequencyBinCount);
  an.getFloatFrequencyData(bins);
  const best = bins.reduce((best, level, i) => level > bins[best] ? i : best, 1);
  return bins[best] > -70 ? best * ctx.sampleRate / an.fftSize : 0;
}
// A browser without an audio device plays nothing to analyse: there the received PCMU frames themselves are looked at,
// decoded and counted by their zero crossings.
let crossings = 0;
function watchFrames(receiver) {
  const work = () => {
    onrtctransform = event => {
      let signs = [];
      const look = (frame, controller) => {
        for (const byte of new Uint8Array(frame.data)) signs.push(byte & 128);
        if (signs.length >= 4000) {
          postMessage(signs.filter((sign, i) => i && sign !== signs[i - 1]).length / 2 / (signs.length / 8000));
          signs = [];
        }
        controller.enqueue(frame);
      };
      const {readable, writable} = event.transformer;
      readable.pipeThrough(new TransformStream({transform: look})).pipeTo(writable);
    };
  };
  const worker = new Worker(URL.createObjectURL(new Blob([`(${work})()`], {type: "text/javascript"})));
  worker.onmessage = event => { crossings = event.data; };
  receiver.transform = new RTCRtpScriptTransform(worker);
}
async function tell() {
  const {wish} = await say("/heard", {peak: peak(), state: pc.connectionState});
  if (wish === "digits") sender.dtmf.insertDTMF("159#", 100, 70);
  if (wish === "restart") await offer({iceRestart: true});
  if (wish === "close") pc.close();
}
begin().catch(error => say("/failed", {reason: String(error)}));
</script>"""

_FIREFOX_PREFERENCES = {
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,  # a tone in place of a microphone
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disableIPv6": True,
    "services.settings.server": "http://127.0.0.1:9/",
}

Answer = Callable[[str], Awaitable[str]]


class Page:
    """The server of one page, and what the page has told."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.offers: list[str] = []
        self.peak = 0.0
        self.state = ""
        self.failed = ""
        self.wish = ""
        self._told = asyncio.Condition()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
            )
            body = json.loads(await reader.readexactly(length)) if length else {}
            path = head.split(" ")[1]
            kind, reply = ("text/html", _PAGE) if path == "/" else ("application/json", await self._take(path, body))
            data = reply.encode()
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
            )
            writer.write(data)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return  # a connection that the browser opened and did not use
        finally:
            writer.close()

    async def _take(self, path: str, body: dict[str, object]) -> str:
        reply: dict[str, str] = {}
        if path == "/offer":
            self.offers.append(str(body["sdp"]))
            reply["answer"] = await self._answer(str(body["sdp"]))
        async with self._told:
            if path == "/heard":
                self.peak, self.state = float(str(body["peak"])), str(body["state"])
                reply["wish"], self.wish = self.wish, ""
            elif path == "/failed":
                self.failed = str(body["reason"])
            self._told.notify_all()
        return json.dumps(reply)

    async def until(self, met: Callable[[Page], bool], what: str, timeout_s: float = 20.0) -> None:
        """Wait until what the page tells meets a condition."""
        try:
            async with asyncio.timeout(timeout_s), self._told:
                await self._told.wait_for(lambda: met(self) or self.failed)
        except TimeoutError:
            raise AssertionError(f"the page never told: {what}; peak {self.peak}, {self.state}") from None
        assert not self.failed, self.failed

    async def until_heard(self, hz: float) -> None:
        await self.until(lambda page: abs(page.peak - hz) < 12, f"it hears {hz} Hz")


def _chromium(url: str, folder: Path, tone: Path | None) -> list[str]:
    return [
        CHROMIUM,
        *["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
        *["--disable-background-networking", "--disable-component-update", "--allow-loopback-in-peer-connection"],
        *["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
        "--autoplay-policy=no-user-gesture-required",
        f"--use-file-for-fake-audio-capture={tone}",
        f"--user-data-dir={folder}",
        url,
    ]


def _firefox(url: str, folder: Path) -> list[str]:
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _FIREFOX_PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines))
    return [FIREFOX, "--headless", "--no-remote", "--profile", str(folder), f"{url}#encoded"]


@asynccontextmanager
async def visited(browser: str, answer: Answer, tone: Path | None = None) -> AsyncIterator[Page]:
    """A page open in a fresh "chromium" or "firefox"; `killed(page)` is the browser's abrupt end."""
    page = Page(answer)
    await page.start()
    with tempfile.TemporaryDirectory(prefix="hl-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        command = _chromium(page.url, folder, tone) if browser == "chromium" else _firefox(page.url, folder)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "HOME": name, "MOZ_HEADLESS": "1"},
            start_new_session=True,
        )
        try:
            yield page
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the session that was begun above, and nothing else
            await process.wait()
            await page.close()
