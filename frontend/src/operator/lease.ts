// A reserved contact stays the operator's while they are at it: their lease is renewed by itself. Before it goes back that is said,
// and any sign of life keeps it (WCAG 2.2, 2.2.1). Whoever reads with a screen reader moves the focus rather than a mouse.
import { Refusal } from "../net/post.ts";
import type { Assignment } from "./state.ts";

const LOOK_EVERY_MS = 5000;
const RENEW_LEFT_MS = 45_000;
const WARN_LEFT_MS = 35_000; // looked at every five seconds: at least half a minute is left when it is said
const ACTIVE_MS = 60_000;
const SIGNS_OF_LIFE = ["keydown", "pointerdown", "wheel", "focusin"];

export type Due = "renew" | "warn" | "";

/** What is to be done about a lease that has `leftMs` when the person was last seen `idleMs` ago. */
export function leaseDue(leftMs: number, idleMs: number): Due {
  if (leftMs < 0 || leftMs > RENEW_LEFT_MS) return "";
  if (idleMs <= ACTIVE_MS) return "renew";
  return leftMs <= WARN_LEFT_MS ? "warn" : "";
}

export interface LeaseSurroundings {
  reserved(): Assignment | undefined; // while it is neither dialled nor given back
  now(): number; // the exchange's clock, ms
  renew(assignment: Assignment): Promise<{ lease_expires_at: string }>;
  renewed(assignment: Assignment): void;
  refused(): void;
  warn(): void;
}

export class Lease {
  private activeAt = Date.now();
  private asking = false;
  private warned = "";

  constructor(private readonly around: LeaseSurroundings) {
    for (const name of SIGNS_OF_LIFE) {
      document.addEventListener(
        name,
        () => {
          this.activeAt = Date.now();
        },
        { passive: true },
      );
    }
    window.setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  private async look(): Promise<void> {
    const assignment = this.around.reserved();
    if (!assignment || this.asking) return;
    const due = leaseDue(Date.parse(assignment.lease_expires_at) - this.around.now(), Date.now() - this.activeAt);
    if (due === "renew") await this.renew(assignment);
    else if (due === "warn" && this.warned !== assignment.lease_expires_at) {
      this.warned = assignment.lease_expires_at;
      this.around.warn();
    }
  }

  private async renew(assignment: Assignment): Promise<void> {
    this.asking = true;
    try {
      const { lease_expires_at } = await this.around.renew(assignment);
      this.around.renewed({ ...assignment, lease_expires_at });
    } catch (error) {
      if (error instanceof Refusal && error.answered) this.around.refused();
    } finally {
      this.asking = false;
    }
  }
}
