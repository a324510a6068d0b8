// What an event means for the operator, in words.
import type { ExchangeEvent } from "../events/stream.ts";
import { has, money, say } from "../net/texts.ts";
import { recordingNews } from "./recording.ts";
import type { Call } from "./state.ts";

export interface News {
  note?: string;
  trouble?: string;
  sound?: "answered" | "ended" | "attention";
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function retrySentence(retryAt: unknown): string {
  if (typeof retryAt !== "number") return say("returns_never");
  const at = new Date(retryAt * 1000);
  const today = new Date().toDateString() === at.toDateString();
  const time = at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  const day = at.toLocaleDateString(document.documentElement.lang, { day: "numeric", month: "short" });
  return say("returns_at", { time: today ? time : `${day} ${time}` });
}

export function unpaidReason(reason: string): string {
  return has(`unpaid_${reason}`) ? say(`unpaid_${reason}`) : say("unpaid_other");
}

/** How a wrap-up was settled; `earned_minor` of one that is not payable is for its ringing. */
export interface Outcome {
  payable: boolean;
  not_payable_reason: string;
  earned_minor: number;
  currency: string;
}

export function savedSentence(outcome: Outcome): string {
  const amount = () => money(outcome.earned_minor, outcome.currency);
  if (outcome.payable) return say("earned", { amount: amount() });
  const reason = outcome.not_payable_reason;
  if (reason === "exchange_fault") return `${say("earned", { amount: amount() })} ${say("paid_by_exchange")}`;
  const saved = reason ? say("saved_unpaid", { reason: unpaidReason(reason) }) : say("saved");
  return outcome.earned_minor > 0 ? `${saved} ${say("earned_ringing", { amount: amount() })}` : saved;
}

function ringingSentence(p: Record<string, unknown>): string {
  const { payable, earned_minor: minor, currency } = p;
  if (payable || typeof minor !== "number" || minor <= 0) return "";
  return ` ${say("earned_ringing", { amount: money(minor, text(currency)) })}`;
}

/** A page that was away when its call was let go says why; empty for any other call. */
export function lostCallSentence(call: Call | null): string {
  const key = `ended_${call?.end_reason ?? ""}`;
  return call?.phase === "wrap_up" && call.end_reason && has(key) ? say(key) : "";
}

const TELLERS: Record<string, (p: Record<string, unknown>) => News> = {
  "call.answered": () => ({ note: "", sound: "answered" }),
  "call.dialling": () => ({ note: "" }),
  "call.ended": (p) => {
    const fault = `ended_${text(p["reason"])}`;
    if (p["answered"] && has(fault)) return { trouble: say(fault), sound: "ended" };
    const key = `ended_by_${text(p["by"])}`;
    // how an unanswered call ended is told by call.wrapped_up
    return { ...(p["answered"] && has(key) ? { note: say(key) } : {}), sound: "ended" };
  },
  "call.listened": (p) => ({ note: say(`listened_${text(p["mode"])}`), sound: "attention" }),
  "call.failed": (p) => ({ trouble: text(p["message"]), sound: "attention" }),
  "call.wrapped_up": (p) => {
    const key = `outcome_${text(p["outcome"])}`;
    return text(p["outcome"]) && has(key)
      ? { note: `${say(key)} ${retrySentence(p["retry_at"])}${ringingSentence(p)}` }
      : {};
  },
  "handover.ringing": () => ({ note: "" }),
  "handover.answered": () => ({ note: "", sound: "answered" }),
  "handover.completed": () => ({ note: "" }),
  "contact.released": (p) => {
    const key = `released_${text(p["reason"])}`;
    return has(key) ? { note: say(key) } : {};
  },
};

export function newsOf(event: ExchangeEvent): News {
  if (event.name === "call.recording") return recordingNews(event);
  const teller = TELLERS[event.name];
  if (teller) return teller(event.payload);
  const key = event.name.replace(".", "_");
  if (event.name.startsWith("handover.") && has(key)) {
    const manager = text(event.payload["manager_name"]) || say("a_manager");
    return { note: say(key, { manager }), sound: event.name === "handover.ended" ? "ended" : "attention" };
  }
  return {};
}
