// What concerns the operator between two calls: an offer of better paid work, and callbacks that they have promised.

import { play } from "../line/sounds.ts";
import { byId } from "../net/parts.ts";
import { aboutMoney, say } from "../net/texts.ts";
import type { Mode } from "./mode.ts";
import type { ConsoleState } from "./state.ts";

export interface OfferedCampaign {
  id: string;
  name: string;
  hourly_minor: number;
  more_minor: number;
  pay_minor: number;
  few: boolean;
}

/** As the exchange makes it (`web.operator.offers`); `hourly_minor` is the present campaign's, null when it stands still. */
export interface Offer {
  campaign: string;
  hourly_minor: number | null;
  currency: string;
  better: OfferedCampaign[];
}

export interface Surroundings {
  goOver(campaign: string): void;
  note(sentence: string): void;
  now(): number;
}

const QUIET: readonly Mode[] = ["ready", "no_line"];

/** "15:05", or with its day when that is another one. */
export function momentOf(seconds: number, now: number, language = document.documentElement.lang || "en"): string {
  const at = new Date(seconds * 1000);
  const time = at.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (at.toDateString() === new Date(now).toDateString()) return time;
  return `${at.toLocaleDateString(language, { day: "numeric", month: "short" })} ${time}`;
}

/** What the exchange offers, one sentence for each campaign. */
export function offerSentence(offer: Offer, one: OfferedCampaign): string {
  const values = { name: one.name, hourly: aboutMoney(one.hourly_minor, offer.currency) };
  const more = aboutMoney(one.more_minor, offer.currency);
  const key = one.more_minor > 0 && offer.hourly_minor !== null ? "offer_more" : "offer_one";
  return `${say(key, { ...values, more })}${one.few ? ` ${say("offer_few")}` : ""}`;
}

export class BetweenCalls {
  private readonly place = byId("offer");
  private offer: Offer | undefined;
  private mode: Mode | undefined;
  private state: ConsoleState | undefined;
  private told = 0; // the promised moment that was told last

  constructor(private readonly around: Surroundings) {
    window.setInterval(() => this.tell(), 1000);
  }

  show(mode: Mode, state: ConsoleState): void {
    const campaign = this.state?.campaign?.id;
    this.mode = mode;
    this.state = state;
    if (this.offer && (!QUIET.includes(mode) || campaign !== state.campaign?.id)) this.dismiss();
    const { count, next_at } = state.promises;
    const place = byId("promise-next");
    const next = next_at === null ? "–" : momentOf(next_at, this.around.now());
    const text = count > 1 ? `${next} (${count})` : next;
    if (place.textContent !== text) place.textContent = text;
    if (state.campaign && !state.assignment) byId("idle-title").textContent = state.campaign.name;
  }

  /** Offer what came with the exchange's reply; `better` says that it pays more, else that there is work. `before`: what was noted. */
  present(offer: Offer | null | undefined, better: boolean, before = ""): void {
    if (!offer || offer.better.length === 0) return;
    this.offer = offer;
    const title = say(better ? "offer_title" : "offer_title_work");
    byId("offer-title").textContent = title;
    byId("offer-here").textContent =
      better && offer.hourly_minor !== null
        ? say("offer_here", { name: offer.campaign, hourly: aboutMoney(offer.hourly_minor, offer.currency) })
        : "";
    byId("offer-list").replaceChildren(...offer.better.map((one, n) => this.line(offer, one, n + 1)));
    byId("offer-stay").textContent = say(better ? "offer_stay" : "offer_wait");
    this.place.hidden = false;
    this.around.note(`${before} ${title} ${offer.better.map((one) => offerSentence(offer, one)).join(" ")}`.trim());
  }

  /** A digit between two calls: the campaign of that number. False: nothing is offered. */
  choose(key: number): boolean {
    const chosen = this.offer?.better[key - 1];
    if (!chosen) return false;
    this.around.goOver(chosen.id);
    return true;
  }

  private line(offer: Offer, one: OfferedCampaign, key: number): HTMLElement {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const mark = document.createElement("kbd");
    button.type = "button";
    button.className = "btn btn-quiet";
    button.textContent = `${say("offer_go", { name: one.name })} `;
    mark.dataset.digitKey = "";
    mark.textContent = String(key);
    button.append(mark);
    button.addEventListener("click", () => this.around.goOver(one.id));
    const words = document.createElement("span");
    words.textContent = offerSentence(offer, one);
    item.append(words, button);
    return item;
  }

  private dismiss(): void {
    this.offer = undefined;
    this.place.hidden = true;
  }

  /** A promised callback whose time has come is told once, when no call is in hand. */
  private tell(): void {
    const next = this.state?.promises.next_at;
    if (next === null || next === undefined || this.mode !== "ready" || this.told === next) return;
    if (this.around.now() < next * 1000) return;
    this.told = next;
    play("attention");
    this.around.note(say("promise_due"));
  }
}
