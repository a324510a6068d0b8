// The operator's line as the console uses it: by the browser with its microphone, or by a telephone that the exchange rings.
import type { ExchangeEvent } from "../events/stream.ts";
import { LimitWarning } from "../line/limit.ts";
import { Line } from "../line/line.ts";
import { type LinePanel, troubleSentence } from "../line/panel.ts";
import {
  type OpenLine,
  type OwnLine,
  type PersonLine,
  PhoneLine,
  ringsByItself,
  toldOfTelephone,
} from "../line/phone.ts";
import { isPoor } from "../line/quality.ts";
import { onAwakening } from "../line/sleep.ts";
import { play } from "../line/sounds.ts";
import { byId } from "../net/parts.ts";
import { post } from "../net/post.ts";
import { has, say } from "../net/texts.ts";
import type { Strip } from "./strip.ts";

const CHECKED = "hearthline.checked"; // by the readiness check: its microphone

/** What a line needs of the page around it. */
export interface LineSurroundings {
  urls: Readonly<Record<"open_line" | "open_phone_line" | "close_line" | "mute_line" | "own_line", string>>;
  panel: LinePanel;
  strip: Strip;
  /** As the exchange says that it is. */
  line(): OpenLine | null;
  render(): void;
  readSoon(): void;
  /** A telephone is rung: this is the line of it. */
  rings(line: OpenLine): void;
  /** The browser's line is open and is this tab's. */
  opened(line: string): void;
}

const closing = (around: LineSurroundings) => async (line: string) => {
  await post(around.urls.close_line, { line }).catch(() => undefined);
};

/** `existing`: the line to come back to after a reload. */
export function browserLine(around: LineSurroundings, existing: string): Line {
  const { urls, panel, strip } = around;
  const made: Line = new Line(
    byId<HTMLAudioElement>("voice"),
    {
      open: (offer, line) => post(urls.open_line, { offer, line }),
      close: closing(around),
      state: (state, { awayMs, moved }) => {
        panel.state(state, made.muted);
        strip.lineTone(state);
        if (state === "open") {
          around.opened(made.id);
          for (const kind of ["line", "microphone"]) strip.trouble(kind);
          if (moved) strip.note(say("line_moved"));
          else if (awayMs !== undefined) {
            strip.note(say("line_came_back", { seconds: Math.max(1, Math.round(awayMs / 1000)) }));
          }
          around.readSoon();
        }
        around.render();
      },
      microphone: (stream) => {
        void panel.microphone(stream);
        const checked = localStorage.getItem(CHECKED);
        const now = stream.getAudioTracks()[0]?.getSettings().deviceId;
        if (checked && now && checked !== now) strip.note(say("microphone_unchecked"));
      },
      trouble: (trouble) => strip.trouble("microphone", troubleSentence(trouble)),
      device: (news, label) => {
        strip.trouble("microphone", news === "back" ? undefined : say(`device_${news}`, { label }));
        if (news === "back") strip.note(say("device_back", { label }));
        play("attention");
      },
      failed: (refusal) => strip.trouble("line", refusal.message),
      quality: (quality) => {
        panel.measured(quality);
        strip.trouble("quality", isPoor(quality) ? say("quality_poor", { percent: quality.lossPercent }) : undefined);
      },
    },
    existing,
  );
  onAwakening((sleptMs) => {
    if (made.state !== "open" && made.state !== "reconnecting") return;
    strip.note(say("slept", { seconds: Math.round(sleptMs / 1000) }));
  });
  return made;
}

export function telephoneLine(around: LineSurroundings, own: OwnLine): PhoneLine {
  const { urls, panel, strip } = around;
  panel.telephone(own);
  const made: PhoneLine = new PhoneLine({
    ring: () => post(urls.open_phone_line, {}),
    close: closing(around),
    mute: async (line, on) => {
      await post(urls.mute_line, { line, on });
    },
    rings: (line) => {
      around.rings(line);
      around.readSoon();
    },
    state: (state) => {
      panel.state(state, made.muted);
      strip.lineTone(state);
      strip.trouble("limit");
      if (state === "open") {
        strip.trouble("line");
        around.readSoon();
      }
      around.render();
    },
    muted: (on) => {
      panel.state(made.state, on);
      strip.announce(say(on ? "said_phone_muted" : "said_phone_unmuted"));
      around.render();
    },
    failed: (refusal) => strip.trouble("line", refusal.message),
  });
  const limit = new LimitWarning();
  window.setInterval(() => warn(limit.due(around.line(), strip.now), around), 1000);
  return made;
}

function warn(sentence: string, { strip, urls, line }: LineSurroundings): void {
  if (!sentence) return;
  const remedy = { label: say("line_settings"), run: () => window.location.assign(urls.own_line) };
  strip.trouble("limit", sentence, line()?.ends_by === "limit" ? remedy : undefined);
  play("attention");
}

/** What an event says of this line, and what becomes of it. */
export function heardOfLine(
  event: ExchangeEvent,
  line: PersonLine,
  around: Pick<LineSurroundings, "strip" | "readSoon">,
): void {
  const { strip, readSoon } = around;
  const reason = String(event.payload["reason"] ?? "");
  if (event.name === "line.ringing" && line instanceof PhoneLine && ringsByItself(reason)) {
    line.rang(String(event.payload["line"]));
    strip.trouble("line", say(`rings_${reason}`));
    readSoon();
    return;
  }
  const id = event.payload["line"];
  if (line instanceof PhoneLine ? !line.isOrWas(id) : id !== line.id || id === "") return;
  // while the line is being opened anew, the end of the former one is no news
  if (event.name === "line.closed" && line.state !== "open" && !line.byPhone) return;
  if (line instanceof PhoneLine) toldOfTelephone(event.name, line);
  if (event.name === "line.leaving" && line instanceof Line) void line.move();
  else if (event.name === "line.closed" && reason === "node_lost" && line instanceof Line) void line.again();
  else if (event.name === "line.taken_over") {
    line.takenOver();
    strip.trouble("line", say("trouble_taken_over"));
  } else if (event.name === "line.closed" && reason !== "by_person") {
    line.gone();
    const key = `gone_${reason}`;
    strip.trouble("line", has(key) ? say(key) : say("gone"));
    if (line.byPhone) readSoon();
  }
}
