// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import type { Alert } from "./alert.ts";
import { CaptureRequests } from "./capture_requests.ts";

function alert(nodes: readonly string[], frequency: number, untilMs: number): Alert {
  return {
    ...{
      rule: "a",
      group: "[]",
      state: "firing",
      labels: {},
      annotations: {},
      url: "",
      value: 1,
      samples: 1,
    },
    ...{ startedMs: 0, firedMs: 0, seenMs: 0, clearedMs: 0, changed: false },
    capture: { nodes, frequency, untilMs },
  };
}

Deno.test("CaptureRequests asks the nodes of alerts, until their time is over", () => {
  let now = 1_000_000;
  const requests = new CaptureRequests(() => now);
  assertEquals(requests.of("n1"), undefined);
  requests.replace([alert(["n1", "n2"], 299, now + 60_000), alert(["n2"], 499, now + 30_000)]);
  assertEquals(requests.of("n1"), { frequency: 299, seconds: 60 });
  assertEquals(requests.of("n2"), { frequency: 499, seconds: 60 });
  assertEquals([requests.of("n3"), requests.nodes, requests.asked], [undefined, 2, 2]);
  now += 60_000;
  assertEquals([requests.of("n1"), requests.nodes], [undefined, 0]);
  requests.replace([alert(["n1"], 299, now)]);
  assertEquals(requests.of("n1"), undefined);
});

Deno.test("CaptureRequests asks a hundred nodes at once", () => {
  const requests = new CaptureRequests(() => 0);
  requests.replace([alert(Array.from({ length: 500 }, (_, i) => `n${i}`), 299, 1000)]);
  assertEquals(requests.nodes, 100);
});
