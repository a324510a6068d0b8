// A person's line: one RTCPeerConnection for the shift. Its SDP travels over the web session; the browser learns no number.

import { Refusal } from "../net/post.ts";
import type { PersonLine } from "./phone.ts";
import type { Quality } from "./quality.ts";
import { qualityOf } from "./quality.ts";
import { relays } from "./relays.ts";
import { onAwakening } from "./sleep.ts";

export type LineState = "closed" | "opening" | "open" | "reconnecting" | "taken_over";
export type MicrophoneTrouble = "denied" | "missing" | "busy" | "unplugged" | "insecure" | "network";

/** How long it was away; whether it is another line than before, at the node that the exchange has chosen now. */
export interface LineNote {
  awayMs?: number;
  moved?: boolean;
}

/** The microphone went, and `another` is used, or none is left; or the one that went is `back`. */
export type DeviceNews = "another" | "none" | "back";

export interface LineHandlers {
  /** Ask the exchange: the offer there, the answer back. `line` names the existing one when it is renewed. */
  open(offer: string, line: string): Promise<{ line: string; answer: string }>;
  close(line: string): Promise<void>;
  state(state: LineState, note: LineNote): void;
  microphone(stream: MediaStream): void;
  trouble(trouble: MicrophoneTrouble): void;
  /** Pages without a word of their own for it say that the microphone was unplugged. */
  device?(news: DeviceNews, label: string): void;
  failed(refusal: Refusal): void;
  quality(quality: Quality): void;
}

const GATHER_MS = 600; // the switch is ICE-lite and needs none of our candidates; another engine may like them
const DISCONNECTED_MS = 1500;
const RENEW_PAUSE_MS = 1500;
const QUALITY_EVERY_MS = 2000;
const CONNECT_MS = 15_000;
const IN_LINE_MS = 3000;
const PASSING = new Set(["unavailable", "no_node"]); // call control is starting again: what we have may well go on

export class Line implements PersonLine {
  readonly byPhone = false;
  id: string;
  state: LineState = "closed";
  muted = false;
  private peer: RTCPeerConnection | undefined;
  private stream: MediaStream | undefined;
  private deviceId: string | undefined;
  private lostDevice: string | undefined; // unplugged in use: taken again when it returns
  private renewTimer: number | undefined;
  private renewing = false;
  private awaySince: number | undefined;
  private openedAs = ""; // the line that was open last, until it is closed
  private counted = { received: 0, lost: 0 };
  private qualityTimer: number | undefined;

  constructor(
    private readonly audio: HTMLAudioElement,
    private readonly handlers: LineHandlers,
    existing = "",
  ) {
    this.id = existing;
    window.addEventListener("online", () => this.renewSoon(0));
    const connection = (navigator as { connection?: EventTarget }).connection;
    connection?.addEventListener("change", () => this.renewSoon(300));
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.devicesChanged());
    onAwakening(() => this.renewSoon(0)); // nobody knows what the network has become meanwhile: ask anew
  }

  /** Ask for the microphone and open. Safe to call again. */
  async open(deviceId?: string): Promise<void> {
    if (this.state === "opening") return;
    this.to("opening");
    try {
      await this.takeMicrophone(deviceId);
      await this.connectInTurn();
    } catch (error) {
      this.drop();
      this.to("closed");
      if (error instanceof Refusal) this.handlers.failed(error);
      else this.handlers.trouble(troubleOf(error));
    }
  }

  /** While the exchange is full the page stands in line: asking again keeps its place. Closing the line leaves it. */
  private async connectInTurn(): Promise<void> {
    for (;;) {
      try {
        return await this.connect();
      } catch (error) {
        if (!(error instanceof Refusal) || error.code !== "nodes_full") throw error;
        this.dropPeer();
        this.handlers.failed(error);
        await new Promise((resolve) => window.setTimeout(resolve, IN_LINE_MS));
        if (this.state !== "opening") return;
      }
    }
  }

  async close(): Promise<void> {
    const id = this.id;
    this.drop();
    this.id = "";
    this.to("closed");
    if (id) await this.handlers.close(id);
  }

  /** Another page has this line now: let go without a word to the exchange. */
  takenOver(): void {
    this.drop();
    this.id = "";
    this.to("taken_over");
  }

  /** The exchange says the line is gone. */
  gone(): void {
    if (this.state === "closed" || this.state === "taken_over") return;
    this.drop();
    this.id = "";
    this.to("closed");
  }

  /** Open the line anew, at whichever node the exchange chooses now; the person hears no gap but the switching itself. The former
   * one is let go when the new one is up, and kept when it is refused. */
  async move(): Promise<void> {
    const former = this.id;
    if (!this.peer || this.renewing || this.state !== "open") return;
    this.renewing = true;
    const peer = this.makePeer(await relays());
    try {
      await this.negotiate(peer, false);
      await connected(peer);
      this.dropPeer();
      this.settle(peer);
      this.tellOpen({});
    } catch {
      peer.onconnectionstatechange = null;
      peer.close();
      // refused: everything is as it was; half done: what the exchange knows as our line has no connection yet
      if (this.id !== former) this.renewTimer = window.setTimeout(() => void this.rebuild(), 0);
    } finally {
      this.renewing = false;
    }
  }

  /** The exchange says the line is gone, and its node with it: open it anew at another one, with the microphone that we have. */
  async again(): Promise<void> {
    if (!this.peer || this.renewing || this.state !== "open") return;
    this.noteAway();
    await this.rebuild();
  }

  async setMuted(muted: boolean): Promise<void> {
    this.muted = muted;
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** Change the microphone within the open line: the person has chosen. */
  async useMicrophone(deviceId: string): Promise<void> {
    this.lostDevice = undefined;
    await this.changeMicrophone(deviceId);
  }

  private async changeMicrophone(deviceId: string): Promise<boolean> {
    this.deviceId = deviceId;
    if (!this.peer) return false;
    try {
      await this.takeMicrophone(deviceId);
      const track = this.stream?.getAudioTracks()[0];
      if (track) await this.peer.getSenders()[0]?.replaceTrack(track);
      return true;
    } catch (error) {
      this.handlers.trouble(troubleOf(error));
      return false;
    }
  }

  /** For tests and for the page's own look at what comes in. */
  get connection(): RTCPeerConnection | undefined {
    return this.peer;
  }

  private to(state: LineState, note: LineNote = {}): void {
    if (this.state === state) return;
    this.state = state;
    if (state === "open") this.tellOpen(note);
    else this.handlers.state(state, note);
    if (state === "closed" || state === "taken_over") this.openedAs = "";
  }

  private tellOpen(note: LineNote): void {
    const moved = this.openedAs !== "" && this.openedAs !== this.id;
    this.openedAs = this.id;
    this.handlers.state("open", moved ? { ...note, moved } : note);
  }

  private async takeMicrophone(deviceId?: string): Promise<void> {
    if (!navigator.mediaDevices) throw new DOMException("no secure context", "SecurityError");
    const wanted = deviceId ?? this.deviceId;
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        ...(wanted ? { deviceId: { ideal: wanted } } : {}),
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        channelCount: 1,
      },
    });
    this.stopMicrophone();
    this.stream = stream;
    this.deviceId = stream.getAudioTracks()[0]?.getSettings().deviceId ?? wanted;
    for (const track of stream.getAudioTracks()) {
      track.enabled = !this.muted;
      track.addEventListener("ended", () => void this.microphoneLost(track));
    }
    this.handlers.microphone(stream);
  }

  private async microphoneLost(track: MediaStreamTrack): Promise<void> {
    if (!this.stream?.getAudioTracks().includes(track) || !this.peer) return;
    this.lostDevice ??= this.deviceId;
    this.deviceId = undefined;
    await this.useAnyMicrophone();
  }

  private async devicesChanged(): Promise<void> {
    if (!this.peer) return;
    const back = (await microphones()).find((device) => device.deviceId === this.lostDevice);
    if (back) {
      this.lostDevice = undefined;
      if (await this.changeMicrophone(back.deviceId)) this.handlers.device?.("back", back.label);
    } else if (this.stream?.getAudioTracks()[0]?.readyState === "ended") await this.useAnyMicrophone();
  }

  private async useAnyMicrophone(): Promise<void> {
    const [first] = await microphones();
    if (!first) this.tellDevice("none", "");
    else if (await this.changeMicrophone(first.deviceId)) this.tellDevice("another", first.label);
  }

  private tellDevice(news: DeviceNews, label: string): void {
    if (this.handlers.device) this.handlers.device(news, label);
    else this.handlers.trouble("unplugged");
  }

  /** A new peer connection; the exchange keeps the line (and the call on it) when `id` names one within the grace time. */
  private async connect(): Promise<void> {
    const iceServers = await relays();
    this.dropPeer();
    const peer = this.makePeer(iceServers);
    this.peer = peer;
    await this.negotiate(peer, false);
    await connected(peer);
    this.settle(peer);
    this.to("open");
  }

  private settle(peer: RTCPeerConnection): void {
    this.peer = peer;
    this.qualityTimer = window.setInterval(() => void this.measure(peer), QUALITY_EVERY_MS);
  }

  private makePeer(iceServers: RTCIceServer[]): RTCPeerConnection {
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    for (const track of this.stream?.getAudioTracks() ?? []) peer.addTrack(track, this.stream as MediaStream);
    peer.ontrack = (event) => {
      this.audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      void this.audio.play().catch(() => undefined); // browsers allow it while the microphone is in use
    };
    peer.onconnectionstatechange = () => this.connectionChanged(peer);
    return peer;
  }

  private async negotiate(peer: RTCPeerConnection, iceRestart: boolean): Promise<void> {
    await peer.setLocalDescription(await peer.createOffer({ iceRestart }));
    await gathered(peer);
    const { line, answer } = await this.ask(peer);
    this.id = line;
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
  }

  /** An offer that did not reach the exchange is taken back: the connection goes on as it was, and the next one is asked anew. */
  private async ask(peer: RTCPeerConnection): Promise<{ line: string; answer: string }> {
    try {
      return await this.handlers.open(peer.localDescription?.sdp ?? "", this.id);
    } catch (error) {
      if (peer.currentRemoteDescription) await peer.setLocalDescription({ type: "rollback" });
      throw error;
    }
  }

  private connectionChanged(peer: RTCPeerConnection): void {
    if (peer !== this.peer) return;
    if (peer.connectionState === "connected") {
      window.clearTimeout(this.renewTimer);
      if (this.awaySince !== undefined) {
        const awayMs = performance.now() - this.awaySince;
        this.awaySince = undefined;
        this.to("open", { awayMs });
      }
    } else if (peer.connectionState === "disconnected") {
      this.noteAway();
      this.renewSoon(DISCONNECTED_MS);
    } else if (peer.connectionState === "failed") {
      this.noteAway();
      this.renewSoon(0);
    }
  }

  private noteAway(): void {
    this.awaySince ??= performance.now();
    if (this.state === "open") this.to("reconnecting");
  }

  private renewSoon(inMs: number): void {
    if (!this.peer || !this.id || (this.state !== "open" && this.state !== "reconnecting")) return;
    window.clearTimeout(this.renewTimer);
    this.renewTimer = window.setTimeout(() => void this.renew(), inMs);
  }

  /** The network changed: restart ICE on the same connection, or build a new one when that is refused. */
  private async renew(): Promise<void> {
    const peer = this.peer;
    if (!peer || this.renewing) return;
    this.renewing = true;
    try {
      if (peer.connectionState === "closed" || peer.signalingState !== "stable") await this.connect();
      else {
        const former = this.id;
        peer.setConfiguration({ ...peer.getConfiguration(), iceServers: await relays() });
        await this.negotiate(peer, true);
        if (this.id !== former) await this.connect(); // it was closed meanwhile: this is another leg, and wants another connection
      }
    } catch (error) {
      this.notRenewed(error);
    } finally {
      this.renewing = false;
    }
  }

  private async rebuild(): Promise<void> {
    if (!this.peer || this.renewing) return;
    this.renewing = true;
    try {
      await this.connect();
      this.tellOpen({});
    } catch (error) {
      this.notRenewed(error);
    } finally {
      this.renewing = false;
    }
  }

  private notRenewed(error: unknown): void {
    const passing = error instanceof Refusal && PASSING.has(error.code);
    if (error instanceof Refusal && error.answered && !passing) {
      this.gone();
      this.handlers.failed(error);
    } else if (this.peer) {
      this.renewTimer = window.setTimeout(() => void this.renew(), RENEW_PAUSE_MS);
    }
  }

  private async measure(peer: RTCPeerConnection): Promise<void> {
    if (peer.connectionState !== "connected") return;
    const report = await peer.getStats();
    const entries = [...report.values()] as (Record<string, unknown> & { type: string; id: string })[];
    const [quality, counted] = qualityOf(entries, this.counted);
    this.counted = counted;
    this.handlers.quality(quality);
  }

  private stopMicrophone(): void {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
  }

  private dropPeer(): void {
    window.clearTimeout(this.renewTimer);
    window.clearInterval(this.qualityTimer);
    if (this.peer) {
      this.peer.onconnectionstatechange = null;
      this.peer.close();
    }
    this.peer = undefined;
    this.counted = { received: 0, lost: 0 };
  }

  private drop(): void {
    this.dropPeer();
    this.stopMicrophone();
    this.awaySince = undefined;
    this.audio.srcObject = null;
  }
}

async function microphones(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "audioinput" && device.deviceId);
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = window.setTimeout(resolve, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      window.clearTimeout(timer);
      resolve();
    });
  });
}

function connected(peer: RTCPeerConnection): Promise<void> {
  if (peer.connectionState === "connected") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const refuse = () => reject(new DOMException("the audio path did not come up", "NetworkError"));
    const timer = window.setTimeout(refuse, CONNECT_MS);
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "connected") {
        window.clearTimeout(timer);
        resolve();
      } else if (peer.connectionState === "failed" || peer.connectionState === "closed") {
        window.clearTimeout(timer);
        refuse();
      }
    });
  });
}

export function troubleOf(error: unknown): MicrophoneTrouble {
  const name = error instanceof DOMException || error instanceof Error ? error.name : "";
  if (name === "NotAllowedError") return "denied";
  if (name === "SecurityError") return "insecure";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "missing";
  if (name === "NetworkError") return "network";
  return "busy";
}
