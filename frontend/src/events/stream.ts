// What the exchange tells this page: one EventSource, replayed from where the page's state was read.

export interface ExchangeEvent {
  id: number;
  name: string;
  at: number;
  payload: Record<string, unknown>;
}

export interface StreamHandlers {
  event(event: ExchangeEvent): void;
  /** The exchange no longer keeps what was missed: read the whole state again. */
  reset(): void;
  connection(up: boolean): void;
  /** Ended for good: "session" (signed out) or "replaced" (too many pages). */
  ended(reason: string): void;
}

export class EventStream {
  private source: EventSource | undefined;
  private lastId: number;
  private closed = false;
  private retryTimer: number | undefined;

  constructor(
    private readonly url: string,
    after: number,
    private readonly handlers: StreamHandlers,
  ) {
    this.lastId = after;
    this.open();
  }

  close(): void {
    this.closed = true;
    window.clearTimeout(this.retryTimer);
    this.source?.close();
  }

  /** This device slept: a connection that died meanwhile may look alive for minutes. */
  again(): void {
    if (this.closed) return;
    window.clearTimeout(this.retryTimer);
    this.source?.close();
    this.open();
  }

  private open(): void {
    const separator = this.url.includes("?") ? "&" : "?";
    const source = new EventSource(`${this.url}${separator}after=${this.lastId}`);
    this.source = source;
    source.onopen = () => this.handlers.connection(true);
    source.onmessage = (message: MessageEvent<string>) => this.take(message);
    source.addEventListener("reset", (message) => {
      this.lastId = Number((message as MessageEvent<string>).lastEventId) || this.lastId;
      this.handlers.reset();
    });
    source.addEventListener("ended", (message) => {
      const { reason } = JSON.parse((message as MessageEvent<string>).data) as { reason: string };
      this.close();
      this.handlers.ended(reason);
    });
    source.onerror = () => {
      if (this.closed) return;
      this.handlers.connection(false);
      // A browser gives up for ever after an HTTP error (a restarting exchange answers 502); we do not.
      if (source.readyState === EventSource.CLOSED) {
        this.retryTimer = window.setTimeout(() => this.open(), 2000 + Math.random() * 1000);
      }
    };
  }

  private take(message: MessageEvent<string>): void {
    const id = Number(message.lastEventId);
    if (id && id <= this.lastId) return;
    if (id) this.lastId = id;
    const data = JSON.parse(message.data) as Omit<ExchangeEvent, "id">;
    this.handlers.event({ id, ...data });
  }
}
