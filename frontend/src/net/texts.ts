// The words of a page, translated by its template into a JSON script element.

let words: Record<string, string> = {};

/** Read the page's JSON of `id`; an empty object when there is none. */
export function readJson<T>(id: string): T {
  const element = document.getElementById(id);
  return JSON.parse(element?.textContent || "{}") as T;
}

export function loadTexts(id: string): void {
  words = readJson<Record<string, string>>(id);
}

export function setTexts(texts: Record<string, string>): void {
  words = texts;
}

/** The sentence `key`, its `{name}` places filled. An unknown key is shown as it is: a test finds it. */
export function say(key: string, values: Record<string, string | number> = {}): string {
  const sentence = words[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

export function has(key: string): boolean {
  return key in words;
}

/** "0:47", "12:05", "1:02:10" */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Minor units with their currency as the exchange's own pages write it: "214.00 ₽", "$12.50". A currency that the language knows
 * only by its code is written by its own sign, after the amount. */
export function money(minor: number, currency: string, language = document.documentElement.lang || "en"): string {
  if (!currency) return "–";
  const style = (currencyDisplay: string) =>
    new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay } as Intl.NumberFormatOptions);
  const sign = (format: Intl.NumberFormat) => format.formatToParts(0).find((part) => part.type === "currency")?.value;
  const format = style("symbol");
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  const amount = minor / 10 ** digits;
  const own = sign(style("narrowSymbol"));
  if (sign(format) !== currency || !own || own === currency) return format.format(amount);
  const number = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${number.format(amount)}\u00a0${own}`;
}

/** An estimate: from 20 on without the minor part, "185 ₽". */
export function aboutMoney(minor: number, currency: string, language = document.documentElement.lang || "en"): string {
  const written = money(minor, currency, language);
  if (!currency) return written;
  const style = { style: "currency", currency, currencyDisplay: "narrowSymbol" } as const;
  const amount = minor / 10 ** (new Intl.NumberFormat(language, style).resolvedOptions().maximumFractionDigits ?? 2);
  return Math.abs(amount) < 20
    ? written
    : new Intl.NumberFormat(language, { ...style, maximumFractionDigits: 0 }).format(amount);
}

/** A moment as a `datetime-local` input of that zone wants it, on the next five minutes: "2026-03-25T14:35". */
export function wallClock(atMs: number, zone: string): string {
  const step = 5 * 60_000;
  const moment = new Date(Math.ceil(atMs / step) * step);
  const parts = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  }).format(moment);
  return parts.replace(" ", "T");
}
