// Commands to the exchange: JSON over POST with Django's token and an idempotency key. A refusal is an error that carries the sentence.

export interface RefusalDetails {
  code: string;
  message: string;
  fields?: Record<string, string>;
}

/** The exchange said no, or could not be asked; `message` is for the person and says what to do. */
export class Refusal extends Error {
  readonly code: string;
  readonly fields: Record<string, string>;
  /** Whether the exchange answered at all; if not, the fate of the command is unknown. */
  readonly answered: boolean;

  constructor(details: RefusalDetails, answered: boolean) {
    super(details.message);
    this.code = details.code;
    this.fields = details.fields ?? {};
    this.answered = answered;
  }
}

export interface PostOptions {
  /** Repeat with the same key when the network failed: the exchange does it once. */
  tries?: number;
  keepalive?: boolean;
  offlineMessage?: string;
}

const TIMEOUT_MS = 12_000;
const PAUSE_MS = 700;

export function csrfToken(): string {
  const name = document.body.dataset.csrfCookie ?? "csrftoken";
  for (const part of document.cookie.split("; ")) {
    const [key, value] = part.split("=", 2);
    if (key === name && value !== undefined) return decodeURIComponent(value);
  }
  return "";
}

/** Send a command; `key` is added when the body has none. Throws Refusal. */
export async function post<Reply>(url: string, body: object, options: PostOptions = {}): Promise<Reply> {
  const text = JSON.stringify({ key: crypto.randomUUID(), ...body });
  let triesLeft = options.tries ?? 2;
  for (;;) {
    triesLeft -= 1;
    try {
      return await send<Reply>(url, text, options);
    } catch (error) {
      if (!(error instanceof Refusal) || error.answered || triesLeft <= 0) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

export async function get<Reply>(url: string, offlineMessage = ""): Promise<Reply> {
  const response = await attempt(offlineMessage, () =>
    fetch(url, {
      headers: { accept: "application/json" },
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }),
  );
  return read<Reply>(response, offlineMessage);
}

async function send<Reply>(url: string, text: string, options: PostOptions): Promise<Reply> {
  const offline = options.offlineMessage ?? "";
  const response = await attempt(offline, () =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", "x-csrftoken": csrfToken() },
      body: text,
      credentials: "same-origin",
      keepalive: options.keepalive ?? false,
      ...(options.keepalive ? {} : { signal: AbortSignal.timeout(TIMEOUT_MS) }),
    }),
  );
  return read<Reply>(response, offline);
}

async function attempt(offlineMessage: string, ask: () => Promise<Response>): Promise<Response> {
  try {
    return await ask();
  } catch (error) {
    const text = offlineMessage || document.body.dataset.offline || "The exchange cannot be reached.";
    console.warn("request failed", error instanceof Error ? error.name : "");
    throw new Refusal({ code: "offline", message: text }, false);
  }
}

async function read<Reply>(response: Response, offlineMessage: string): Promise<Reply> {
  if (response.redirected && response.url.includes("/accounts/login")) {
    window.location.assign(response.url);
    throw new Refusal({ code: "signed_out", message: "" }, true);
  }
  const isJson = response.headers.get("content-type")?.includes("application/json") ?? false;
  if (response.ok && isJson) return (await response.json()) as Reply;
  if (isJson) {
    const problem = (await response.json()) as { error?: RefusalDetails };
    if (problem.error) throw new Refusal(problem.error, true);
  }
  const text = offlineMessage || document.body.dataset.offline || "The exchange cannot be reached.";
  throw new Refusal({ code: `http_${response.status}`, message: text }, response.status < 500);
}
