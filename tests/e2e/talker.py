"""An operator's mouth and ears in a browser: synthesised sentences as the microphone, each said when the other side is silent.

In the readiness check they speak when they are asked to.

The page's `getUserMedia` gives a stream of ours; what is heard is read from the element that plays it. A page knows no better.
"""

from __future__ import annotations

import base64
from pathlib import Path

from hearthline.switch.robots.speech import SpeechFolder
from tests.e2e.people import Person

_TALKER = """(sentences) => {
  const context = new AudioContext();
  const mouth = context.createMediaStreamDestination();
  const hum = context.createOscillator();  // the noise of a room, so that the microphone is never dead
  const quiet = context.createGain();
  quiet.gain.value = 0.0005;
  hum.connect(quiet).connect(mouth);
  hum.start();
  const talker = { said: 0, talking: false, stopped: false };
  window.talker = talker;
  navigator.mediaDevices.getUserMedia = async () => {
    await context.resume();
    return mouth.stream.clone();
  };
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const ready = Promise.all(sentences.map((text) => context.decodeAudioData(bytes(text))));
  let ear = null, loudAt = 0, stream = null;
  const samples = new Float32Array(1024);
  const listen = () => {
    const voice = document.getElementById("voice");
    const heard = voice && voice.srcObject;
    if (heard && heard !== stream) {
      stream = heard;
      ear = new AnalyserNode(context, { fftSize: 1024 });
      context.createMediaStreamSource(heard).connect(ear);
    }
    if (!ear) return;
    ear.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length);
    if (level > 0.02) loudAt = performance.now();
  };
  const asked = () => /now speak/i.test(document.querySelector("[role=status]:not(:empty):not(#messages)")?.textContent ?? "");
  const say = (sound) => new Promise((done) => {
    talker.talking = true;
    const source = context.createBufferSource();
    source.buffer = sound;
    source.connect(mouth);
    source.onended = () => { talker.talking = false; talker.said += 1; loudAt = 0; done(); };
    source.start();
  });
  const talk = async () => {
    const sounds = await ready;
    for (;;) {
      await new Promise((next) => setTimeout(next, 40));
      listen();
      if (asked()) await say(sounds[talker.said % sounds.length]);
      const inCall = document.getElementById("strip-mode")?.textContent?.trim() === "Talking";
      if (!inCall || talker.stopped) { if (!inCall) loudAt = 0; continue; }
      if (loudAt && performance.now() - loudAt > 900 && talker.said < sounds.length) await say(sounds[talker.said]);
    }
  };
  void talk();
}"""


def give_voice(person: Person, folder: Path, sentences: list[str], language: str = "en") -> None:
    """For the pages that this person opens from now on. Each sentence is said once, in their order."""
    speech = SpeechFolder(folder)
    sounds = [base64.b64encode(speech.line(text, language, "operator").read_bytes()).decode() for text in sentences]
    person.context.add_init_script(f"({_TALKER})({sounds!r})")
