// The line's quality from RTCPeerConnection.getStats (W3C webrtc-stats).

export interface Quality {
  codec: string;
  roundTripMs: number | undefined;
  lossPercent: number;
  jitterMs: number;
}

interface Counted {
  received: number;
  lost: number;
}

type Entry = Record<string, unknown> & { type: string; id: string };

const number = (value: unknown): number => (typeof value === "number" ? value : 0);

/** The quality since the former look, and what to pass to the next one. */
export function qualityOf(entries: readonly Entry[], before: Counted): [Quality, Counted] {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const inbound = entries.find((e) => e.type === "inbound-rtp" && e["kind"] === "audio");
  const outbound = entries.find((e) => e.type === "outbound-rtp" && e["kind"] === "audio");
  const remote = entries.find((e) => e.type === "remote-inbound-rtp" && e["kind"] === "audio");
  const transport = entries.find((e) => e.type === "transport");
  const pair =
    byId.get(String(transport?.["selectedCandidatePairId"] ?? "")) ??
    entries.find((e) => e.type === "candidate-pair" && e["nominated"] === true);
  const codec = byId.get(String(outbound?.["codecId"] ?? inbound?.["codecId"] ?? ""));
  const counted = { received: number(inbound?.["packetsReceived"]), lost: number(inbound?.["packetsLost"]) };
  const came = counted.received - before.received;
  const missed = Math.max(0, counted.lost - before.lost);
  const theirs = number(remote?.["fractionLost"]) * 100;
  const ours = came + missed > 0 ? (100 * missed) / (came + missed) : 0;
  const trip = remote?.["roundTripTime"] ?? pair?.["currentRoundTripTime"];
  return [
    {
      codec: String(codec?.["mimeType"] ?? "").replace("audio/", ""),
      roundTripMs: typeof trip === "number" ? Math.round(trip * 1000) : undefined,
      lossPercent: Math.round(Math.max(theirs, ours) * 10) / 10,
      jitterMs: Math.round(number(inbound?.["jitter"]) * 1000),
    },
    counted,
  ];
}

/** Whether people will notice: above 5 % of loss or 400 ms of round trip. */
export function isPoor(quality: Quality): boolean {
  return quality.lossPercent > 5 || (quality.roundTripMs ?? 0) > 400 || quality.jitterMs > 80;
}
