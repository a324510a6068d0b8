// The console's wiring: state and events in, commands out, one mode shown at a time.
import type { ExchangeEvent } from "../events/stream.ts";
import { EventStream } from "../events/stream.ts";
import type { KeyMap, Shortcuts } from "../keys/bindings.ts";
import { leaveField, listen } from "../keys/bindings.ts";
import { LinePanel } from "../line/panel.ts";
import { isTelephone, type OwnLine, type PersonLine, PhoneLine } from "../line/phone.ts";
import { onAwakening } from "../line/sleep.ts";
import { play } from "../line/sounds.ts";
import { byId } from "../net/parts.ts";
import { get, post, Refusal } from "../net/post.ts";
import { say, wallClock } from "../net/texts.ts";
import { BetweenCalls, type Offer } from "./between.ts";
import { askToEnd, ContactDialog, Keypad, KeysDialog, prepareClosers } from "./dialogs.ts";
import { Lease } from "./lease.ts";
import type { Action, Mode } from "./mode.ts";
import { isPossible, modeOf, primaryOf } from "./mode.ts";
import { lostCallSentence, newsOf, type Outcome, savedSentence } from "./news.ts";
import { browserLine, heardOfLine, type LineSurroundings, telephoneLine } from "./own-line.ts";
import type { Assignment, ConsoleState } from "./state.ts";
import { applyEvent, changesEverything, mergeState } from "./state.ts";
import { Strip } from "./strip.ts";
import { type Draft, type Kept, Worksheet } from "./worksheet.ts";

export type Command =
  | "state"
  | "next"
  | "change_campaign"
  | "skip"
  | "renew"
  | "break"
  | "end"
  | "draft"
  | "wrap_up"
  | "add_contact"
  | "shortcuts"
  | "open_line"
  | "open_phone_line"
  | "close_line"
  | "mute_line"
  | "dial"
  | "hang_up"
  | "hold"
  | "digits"
  | "record"
  | "transfer"
  | "complete"
  | "take_back"
  | "own_line";

/** Where each command goes: the page's addresses, by the exchange. */
export type Urls = Readonly<Record<Command, string>>;

const OWN_LINE = "hearthline.line"; // in sessionStorage: this tab's, also after a reload
const READ_AFTER_MS = 120;
const REMEMBERED_EVENTS = 200;
const STREAM_QUIET_MS = 3000;

type NextReply = ConsoleState & { none?: string; offer?: Offer | null };

export class Console {
  private readonly strip = new Strip();
  private readonly line: PersonLine;
  private readonly panel: LinePanel;
  private readonly sheet: Worksheet;
  private readonly between: BetweenCalls;
  private readonly keypad: Keypad;
  private readonly contact: ContactDialog;
  private readonly keysDialog: KeysDialog;
  private readonly recent: ExchangeEvent[] = [];
  private unlisten: () => void = () => undefined;
  private readonly busy = new Map<Action, Mode>(); // what is being asked, and the mode in which it was asked
  private readonly again = new Set<Action>();
  private breakAfter = false;
  private attempt = ""; // the call that news are told of
  private readTimer: number | undefined;
  private streamTimer: number | undefined;
  private streamUp = true;

  constructor(
    private state: ConsoleState,
    private readonly urls: Urls,
    defaults: KeyMap,
    own: Shortcuts,
  ) {
    this.strip.setClock(state.now);
    this.attempt = state.call?.attempt ?? "";
    this.panel = new LinePanel(
      (deviceId) => void this.line.useMicrophone(deviceId),
      (silent) => this.silence(silent),
    );
    this.line = this.makeLine(state.own_line);
    this.sheet = new Worksheet(
      byId("worksheet"),
      (draft) => this.saveDraft(draft),
      () => this.dispositionChosen(),
    );
    this.between = new BetweenCalls({
      goOver: (campaign) => void this.asked("next", () => this.post(this.urls.change_campaign, { campaign })),
      note: (sentence) => this.strip.note(sentence),
      now: () => this.strip.now,
    });
    this.keypad = new Keypad((digit) => void this.command(this.urls.digits, { digits: digit }));
    this.contact = new ContactDialog(async (fields) => {
      const { added } = await post<{ added: string }>(this.urls.add_contact, fields);
      this.strip.note(added);
    });
    this.keysDialog = new KeysDialog(defaults, own, (changed) => void this.keepKeys(changed));
  }

  start(): void {
    prepareClosers();
    document.addEventListener("click", (event) => this.clicked(event));
    byId("primary").addEventListener("click", () => this.primary());
    document.addEventListener("keydown", (event) => leaveField(event)); // by keyboard back to where single keys work
    new Lease({
      reserved: () => (this.mode === "reserved" ? (this.state.assignment ?? undefined) : undefined),
      now: () => this.strip.now,
      renew: ({ id, fence }) => post(this.urls.renew, { assignment: id, fence }),
      renewed: (assignment) => this.renewed(assignment),
      refused: () => this.readSoon(),
      warn: () => {
        this.strip.note(say("lease_left"), true);
        play("attention");
      },
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.state.call && this.state.call.phase !== "closed") event.preventDefault();
    });
    this.bindKeys();
    const stream = new EventStream("/events/", this.state.last_event, {
      event: (event) => this.heard(event),
      reset: () => void this.readState(),
      connection: (up) => this.streamChanged(up),
      ended: (reason) => this.strip.trouble("stream", say(`trouble_${reason}`)),
    });
    onAwakening(() => {
      stream.again();
      void this.readState();
    });
    this.render();
    if (document.activeElement === document.body) this.strip.focusPrimary();
    this.strip.trouble("call", lostCallSentence(this.state.call) || undefined);
    if (this.line instanceof PhoneLine) this.line.sync(this.state.line);
    else if (this.lineIsOurs()) void this.openLine();
    else if (this.state.line) this.strip.note(say("line_elsewhere"));
  }

  private get mode(): Mode {
    return modeOf(this.state, this.line.state);
  }

  private render(): void {
    this.sheet.show(this.state.worksheet, this.state.call?.draft ?? null);
    this.between.show(this.mode, this.state);
    this.keysDialog.show();
    const { muted, state: line } = this.line;
    this.strip.show(this.mode, this.state, { muted, line, breakAfter: this.breakAfter });
    document.dispatchEvent(new CustomEvent("console:shown", { detail: this.mode }));
  }

  private set(state: ConsoleState): void {
    const before = this.state.call?.attempt;
    this.state = mergeState(state, this.recent);
    this.strip.setClock(state.now);
    if (this.line instanceof PhoneLine) {
      this.panel.telephone(state.own_line);
      this.line.sync(this.state.line);
    }
    this.render();
    if (this.state.call) this.attempt = this.state.call.attempt;
    else if (this.state.assignment) this.attempt = "";
    if (this.state.call && this.state.call.attempt !== before) this.sheet.callBegan();
  }

  // --- events -------------------------------------------------------------------------------------------------------

  private heard(event: ExchangeEvent): void {
    document.dispatchEvent(new CustomEvent("exchange:event", { detail: event }));
    this.recent.push(event);
    if (this.recent.length > REMEMBERED_EVENTS) this.recent.shift();
    const mine = this.isMine(event);
    this.state = applyEvent(this.state, event);
    if (mine) {
      const news = newsOf(event);
      if (news.sound) play(news.sound);
      if (news.trouble) this.strip.trouble("call", news.trouble);
      if (news.note !== undefined) this.strip.note(news.note);
    }
    if (event.name.startsWith("line.")) heardOfLine(event, this.line, this.around);
    this.render();
    if (changesEverything(event.name)) this.readSoon();
  }

  /** About the call in hand (or the one that has just ended by itself), or about no call at all. */
  private isMine(event: ExchangeEvent): boolean {
    const { attempt, assignment } = event.payload;
    if (typeof attempt !== "string") return true;
    if (assignment !== undefined && assignment === this.state.assignment?.id) this.attempt = attempt;
    return attempt === this.attempt;
  }

  private streamChanged(up: boolean): void {
    window.clearTimeout(this.streamTimer);
    if (up) {
      if (!this.streamUp) {
        this.strip.trouble("stream");
        this.strip.note(say("stream_back"));
        void this.readState();
      }
      this.streamUp = true;
      return;
    }
    this.streamTimer = window.setTimeout(() => {
      this.streamUp = false;
      this.strip.trouble("stream", say("trouble_stream"));
    }, STREAM_QUIET_MS);
  }

  private readSoon(): void {
    window.clearTimeout(this.readTimer);
    this.readTimer = window.setTimeout(() => void this.readState(), READ_AFTER_MS);
  }

  private async readState(): Promise<void> {
    try {
      this.set(await get<ConsoleState>(this.urls.state));
    } catch (error) {
      if (error instanceof Refusal && error.code === "signed_out") this.strip.trouble("stream", error.message);
    }
  }

  // --- the line -----------------------------------------------------------------------------------------------------

  private get around(): LineSurroundings {
    return {
      urls: this.urls,
      panel: this.panel,
      strip: this.strip,
      line: () => this.state.line,
      render: () => this.render(),
      readSoon: () => this.readSoon(),
      rings: (line) => {
        this.state = { ...this.state, line };
      },
      opened: (line) => sessionStorage.setItem(OWN_LINE, line),
    };
  }

  private makeLine(own: OwnLine): PersonLine {
    if (isTelephone(own, this.state.line)) return telephoneLine(this.around, own);
    return browserLine(this.around, this.lineIsOurs() ? (this.state.line?.id ?? "") : "");
  }

  /** After a reload, or when the page that had the line is gone. A line that is open on another page is left there. */
  private lineIsOurs(): boolean {
    const { line } = this.state;
    return line !== null && (line.id === sessionStorage.getItem(OWN_LINE) || line.state === "stalled");
  }

  private async openLine(): Promise<void> {
    await this.line.open(this.panel.preferred);
    this.render();
  }

  private silence(silent: boolean): void {
    const matters = silent && !this.line.muted && this.line.state === "open";
    const choose = { label: say("choose_microphone"), run: () => byId("line-microphone").focus() };
    this.strip.trouble("silence", matters ? say("trouble_silent") : undefined, choose);
  }

  // --- what the person does -----------------------------------------------------------------------------------------

  private bindKeys(): void {
    this.unlisten();
    this.unlisten = listen(this.keysDialog.keys, this.keysDialog.off, {
      action: (action) => this.act(action as Action),
      disposition: (key) => this.between.choose(key) || this.choose(key),
      primary: () => this.primary(),
      save: () => this.act("save_next"),
      help: () => this.act("help"),
    });
  }

  private async keepKeys(own: Shortcuts): Promise<void> {
    this.bindKeys();
    await this.asked("help", () => post(this.urls.shortcuts, { shortcuts: own }));
  }

  private clicked(event: MouseEvent): void {
    const button = (event.target as Element).closest<HTMLButtonElement>("button[data-action]");
    if (button) this.act(button.dataset.action as Action);
  }

  private primary(): void {
    const action = primaryOf(this.mode, this.line.state);
    if (action) this.act(action);
  }

  private act(action: Action): void {
    const mode = this.mode;
    if (action === "break" && !isPossible("break", mode, this.state, this.line.state)) {
      this.breakAfter = !this.breakAfter;
      this.strip.note(say(this.breakAfter ? "said_break_after" : "said_no_break_after"));
      this.render();
      return;
    }
    if (action === "save_next" && mode !== "wrap_up" && mode !== "handed_over") {
      if (this.state.call) this.strip.note(say("hang_up_first"));
      return;
    }
    if (!isPossible(action, mode, this.state, this.line.state)) return;
    const run: Record<Action, () => unknown> = {
      open_line: () => this.openLine(),
      resume: () => this.post(this.urls.break, { on: false }),
      break: () => this.post(this.urls.break, { on: mode !== "on_break" }),
      next: () => this.next(),
      dial: () => this.dial(),
      skip: () => this.post(this.urls.skip, { assignment: this.state.assignment?.id ?? "" }),
      hang_up: () => this.command(this.urls.hang_up, {}),
      transfer: () => this.command(mode === "briefing" ? this.urls.complete : this.urls.transfer, {}),
      complete: () => this.command(this.urls.complete, {}),
      take_back: () => this.command(this.urls.take_back, {}),
      hold: () => this.command(this.urls.hold, { on: mode !== "on_hold" }),
      mute: () => this.mute(),
      keypad: () => this.keypad.open(),
      record: () => this.command(this.urls.record, { on: this.state.call?.recording?.state !== "on" }),
      notes: () => this.sheet.focusNotes(),
      add_contact: () => this.contact.open(),
      save_next: () => this.saveAndNext(),
      end_shift: () => this.end(),
      help: () => this.keysDialog.open(),
    };
    void this.asked(action, run[action]);
  }

  /** Run one action at a time of its kind; a refusal is told beside the strip. */
  private async asked(action: Action, run: () => unknown): Promise<void> {
    if (this.busy.has(action)) {
      // the same key in the same mode is a double press; in another mode (the event was quicker than the reply) it means more
      if (this.busy.get(action) !== this.mode) this.again.add(action);
      return;
    }
    this.busy.set(action, this.mode);
    this.strip.clearTroubles(["line", "limit", "microphone", "stream", "silence", "quality"]);
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (Object.keys(error.fields).length > 0) this.sheet.showErrors(error.fields);
      this.strip.trouble("call", error.message);
      this.readSoon();
    } finally {
      this.busy.delete(action);
      if (this.again.delete(action)) this.act(action);
    }
  }

  private async post(url: string, body: object): Promise<void> {
    this.set(await post<ConsoleState>(url, body));
  }

  private async command(url: string, body: object): Promise<void> {
    await post(url, { attempt: this.state.call?.attempt ?? "", ...body });
    this.readSoon();
  }

  private async dial(): Promise<void> {
    const { assignment } = this.state;
    if (!assignment) return;
    this.strip.note("");
    await post(this.urls.dial, { assignment: assignment.id, fence: assignment.fence });
    this.readSoon();
  }

  /** The next contact, an offer instead, or why there is nobody; `saved` was told before. */
  private async next(saved = ""): Promise<void> {
    const reply = await post<NextReply>(this.urls.next, {});
    this.set(reply);
    const none = reply.none ? `${saved} ${reply.none}`.trim() : "";
    if (none) this.strip.note(none);
    this.between.present(reply.offer, !reply.none, none);
  }

  private async mute(): Promise<void> {
    await this.line.setMuted(!this.line.muted);
    if (this.line.byPhone) return; // it tells by itself, also when another page has done it
    this.panel.state(this.line.state, this.line.muted);
    this.strip.announce(say(this.line.muted ? "said_muted" : "said_unmuted"));
    if (this.line.muted) this.strip.trouble("silence");
    this.render();
  }

  private async end(): Promise<void> {
    if (!(await askToEnd())) return;
    await this.sheet.flush();
    const { summary } = await post<{ summary: string }>(this.urls.end, {});
    await this.line.close();
    window.location.assign(summary);
  }

  // --- writing ------------------------------------------------------------------------------------------------------

  private async saveDraft(draft: Draft): Promise<Kept> {
    const { call } = this.state;
    if (!call || call.phase === "closed") return "when_it_begins";
    try {
      await post(this.urls.draft, { attempt: call.attempt, ...draft }, { keepalive: true });
      return "kept";
    } catch (error) {
      if (!(error instanceof Refusal && error.answered)) return "later";
      this.strip.trouble("draft", error.message);
      return "refused";
    }
  }

  private renewed(assignment: Assignment): void {
    if (this.state.assignment?.id === assignment.id) this.state = { ...this.state, assignment };
    this.render();
  }

  /** By its digit: the focus stays where it is, so that the choice is said. */
  private choose(key: number): void {
    const title = this.sheet.choose(key);
    if (title) this.strip.announce(say("said_chosen", { title }));
  }

  private dispositionChosen(): void {
    const chosen = this.sheet.disposition;
    const place = byId("call-back");
    place.hidden = chosen?.kind !== "call_back";
    if (place.hidden) return;
    const at = byId<HTMLInputElement>("call-back-at");
    const zone = at.dataset.zone ?? "UTC";
    if (!at.value) at.value = wallClock(this.strip.now + (chosen?.retryMinutes || 24 * 60) * 60_000, zone);
    at.focus();
  }

  private async saveAndNext(): Promise<void> {
    const { call } = this.state;
    if (!call) return;
    const chosen = this.sheet.disposition;
    if (!chosen) {
      this.strip.note(say("choose_disposition"));
      document.querySelector<HTMLInputElement>('input[name="disposition"]')?.focus();
      return;
    }
    const at = chosen.kind === "call_back" ? byId<HTMLInputElement>("call-back-at").value : "";
    if (chosen.kind === "call_back" && !at) {
      this.strip.note(say("choose_call_back"));
      byId("call-back-at").focus();
      return;
    }
    this.sheet.settle();
    const body = { attempt: call.attempt, fence: call.fence, disposition: chosen.id, call_back_at: at };
    const reply = await post<{ outcome: Outcome; state: ConsoleState }>(this.urls.wrap_up, {
      ...body,
      ...this.sheet.read(),
    });
    this.strip.focusPrimary();
    this.set(reply.state);
    this.strip.note(savedSentence(reply.outcome));
    await this.goOn(savedSentence(reply.outcome));
  }

  /** After a saved result: the break that was asked for, or the next contact at once. */
  private async goOn(saved: string): Promise<void> {
    if (this.breakAfter) {
      this.breakAfter = false;
      await this.post(this.urls.break, { on: true });
    } else if (this.mode === "ready") await this.next(saved);
  }
}
