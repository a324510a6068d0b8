// The operator's line as the console uses it: by the browser with its microphone, or by a telephone that the exchange rings.
import { Line } from "../line/line.ts";
import { type LinePanel, troubleSentence } from "../line/panel.ts";
import { type OpenLine, type OwnLine, PhoneLine } from "../line/phone.ts";
import { isPoor } from "../line/quality.ts";
import { byId } from "../net/parts.ts";
import { post } from "../net/post.ts";
import { say } from "../net/texts.ts";
import type { Strip } from "./strip.ts";

/** What a line needs of the page around it. */
export interface LineSurroundings {
  urls: Readonly<Record<"open_line" | "open_phone_line" | "close_line", string>>;
  panel: LinePanel;
  strip: Strip;
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
      state: (state, { awayMs }) => {
        panel.state(state, made.muted);
        strip.lineTone(state);
        if (state === "open") {
          around.opened(made.id);
          for (const kind of ["line", "microphone"]) strip.trouble(kind);
          if (awayMs !== undefined) {
            strip.note(say("line_came_back", { seconds: Math.max(1, Math.round(awayMs / 1000)) }));
          }
          around.readSoon();
        }
        around.render();
      },
      microphone: (stream) => void panel.microphone(stream),
      trouble: (trouble) => strip.trouble("microphone", troubleSentence(trouble)),
      failed: (refusal) => strip.trouble("line", refusal.message),
      quality: (quality) => {
        panel.measured(quality);
        strip.trouble("quality", isPoor(quality) ? say("quality_poor", { percent: quality.lossPercent }) : undefined);
      },
    },
    existing,
  );
  return made;
}

export function telephoneLine(around: LineSurroundings, own: OwnLine): PhoneLine {
  const { urls, panel, strip } = around;
  panel.telephone(own);
  return new PhoneLine({
    ring: () => post(urls.open_phone_line, {}),
    close: closing(around),
    rings: (line) => {
      around.rings(line);
      around.readSoon();
    },
    state: (state) => {
      panel.state(state, false);
      strip.lineTone(state);
      if (state === "open") {
        strip.trouble("line");
        around.readSoon();
      }
      around.render();
    },
    failed: (refusal) => strip.trouble("line", refusal.message),
  });
}
