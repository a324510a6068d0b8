import assert from "node:assert/strict";
import test from "node:test";
import { leaseDue } from "../src/operator/lease.ts";

test("a lease is renewed while the person is at it, and only near its end", () => {
  assert.equal(leaseDue(90_000, 1_000), "");
  assert.equal(leaseDue(45_000, 1_000), "renew");
  assert.equal(leaseDue(5_000, 60_000), "renew");
});

test("whoever shows no sign of life is warned with half a minute left, not before", () => {
  assert.equal(leaseDue(45_000, 75_000), "");
  assert.equal(leaseDue(35_000, 85_000), "warn");
  assert.equal(leaseDue(30_000, 90_000), "warn");
  assert.equal(leaseDue(-1, 90_000), "", "it is over");
});
