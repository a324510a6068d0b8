// A microphone as it is, without the browser's own cleaning: how loud the room is, and whether it hears our loudspeaker.
import { dbfs } from "../line/level.ts";
import { audioContext } from "../line/sounds.ts";

const EVERY_MS = 50;
const TONE_HZ = 1000;
const TONE_VOLUME = 0.25;
const TONE_MS = 1200;
const SETTLE_MS = 300; // sound takes its time through drivers and the air

export class Listening {
  private readonly source: MediaStreamAudioSourceNode;
  private readonly analyser: AnalyserNode;

  private constructor(private readonly stream: MediaStream) {
    const audio = audioContext();
    this.source = audio.createMediaStreamSource(stream);
    this.analyser = new AnalyserNode(audio, { fftSize: 2048, smoothingTimeConstant: 0 });
    this.source.connect(this.analyser);
  }

  /** Throws what getUserMedia throws. */
  static async begin(deviceId: string | undefined): Promise<Listening> {
    if (!navigator.mediaDevices) throw new DOMException("no secure context", "SecurityError");
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    const wanted = deviceId ? { ...audio, deviceId: { ideal: deviceId } } : audio;
    return new Listening(await navigator.mediaDevices.getUserMedia({ audio: wanted }));
  }

  get deviceId(): string {
    return this.stream.getAudioTracks()[0]?.getSettings().deviceId ?? "";
  }

  /** Levels in dBFS, twenty a second. */
  async levels(ms: number, shown: (db: number) => void): Promise<number[]> {
    const samples = new Float32Array(this.analyser.fftSize);
    const found: number[] = [];
    await every(ms, () => {
      this.analyser.getFloatTimeDomainData(samples);
      const db = dbfs(samples);
      found.push(db);
      shown(db);
    });
    return found;
  }

  /** Play a tone of a second; by how many dB its frequency stands above what was there before. */
  async echo(): Promise<number | undefined> {
    const audio = audioContext();
    if (audio.state !== "running") return undefined;
    const before = await this.loudness(600);
    const tone = new OscillatorNode(audio, { frequency: TONE_HZ });
    const gain = new GainNode(audio, { gain: TONE_VOLUME });
    tone.connect(gain).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + (SETTLE_MS + TONE_MS) / 1000);
    await every(SETTLE_MS, () => undefined);
    return (await this.loudness(TONE_MS - SETTLE_MS)) - before;
  }

  stop(): void {
    this.source.disconnect();
    for (const track of this.stream.getTracks()) track.stop();
  }

  /** The median of the tone's bin, dB. */
  private async loudness(ms: number): Promise<number> {
    const bins = new Float32Array(this.analyser.frequencyBinCount);
    const bin = Math.round((TONE_HZ * this.analyser.fftSize) / this.analyser.context.sampleRate);
    const found: number[] = [];
    await every(ms, () => {
      this.analyser.getFloatFrequencyData(bins);
      found.push(Math.max(-120, bins[bin] ?? -120));
    });
    found.sort((a, b) => a - b);
    return found[Math.floor(found.length / 2)] ?? -120;
  }
}

function every(ms: number, run: () => void): Promise<void> {
  return new Promise((resolve) => {
    const end = performance.now() + ms;
    const timer = window.setInterval(() => {
      run();
      if (performance.now() < end) return;
      window.clearInterval(timer);
      resolve();
    }, EVERY_MS);
  });
}
