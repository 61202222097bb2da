// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { FakeKube, podObject, type PodSpec, status } from "../../../tests/support/fake_kube.ts";
import { until } from "../../../tests/support/until.ts";
import { collectLogs } from "../../../tests/support/log.ts";
import { testWith } from "../../../tests/support/needs.ts";
import { TempFolder } from "../../../tests/support/programs.ts";
import { selfSigned } from "../../../tests/support/tls.ts";
import { Pods, type PodsOptions, type Timing } from "./pods.ts";

/** Times that suit a test; none of them is asserted. */
const FAST: Timing = { rest: 1, backoff: 5, maxBackoff: 20, poll: 10, minPoll: 0 };

function uid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

function id(n: number): string {
  return n.toString(16).padStart(64, "0");
}

function pod(n: number): PodSpec {
  return {
    name: `web-5d4f8c7b9-${n}`,
    uid: uid(n),
    namespace: "shop",
    containers: { web: id(n) },
    owner: { kind: "ReplicaSet", name: "web-5d4f8c7b9" },
  };
}

function follow(kube: FakeKube, options: Partial<PodsOptions> = {}): Pods {
  const { timing, ...rest } = options;
  return new Pods({
    from: "api",
    client: { url: kube.url },
    node: "node-1",
    timing: { ...FAST, ...timing },
    ...rest,
  });
}

Deno.test("Pods knows the pods of its node and hears of changes by the watch", async () => {
  await using kube = FakeKube.start();
  kube.put(pod(1));
  kube.put({ ...pod(2), node: "node-2" });
  await using pods = follow(kube);
  await until(() => kube.watchers === 1 && pods.stats.watches === 1);
  assertEquals(pods.stats, { pods: 1, lists: 1, watches: 1, failures: 0 });
  const { pod: found, container } = pods.find(uid(1), [id(1)])!;
  assertEquals([found.name, found.namespace, found.workload, container], [
    "web-5d4f8c7b9-1",
    "shop",
    "web",
    "web",
  ]);
  assertEquals(pods.find(uid(2), [id(2)]), undefined);
  kube.put(pod(3));
  await until(() => pods.find(uid(3), []) !== undefined);
  kube.put({ ...pod(3), containers: { web: id(4) } });
  await until(() => pods.find("", [id(4)]) !== undefined);
  assertEquals(pods.find("", [id(3)]), undefined);
  assertEquals(pods.stats.lists, 1);
  for (const { searchParams } of kube.requests) {
    assertEquals(searchParams.get("fieldSelector"), "spec.nodeName=node-1");
  }
});

Deno.test("Pods finds a pod for a while after it was deleted, for its samples are still to come", async () => {
  await using kube = FakeKube.start();
  kube.put(pod(1));
  await using pods = follow(kube);
  await until(() => kube.watchers === 1);
  kube.remove(uid(1));
  await until(() => pods.stats.pods === 0);
  assertEquals(pods.find(uid(1), [id(1)])?.container, "web");
});

Deno.test("Pods keeps what it knows while the server is away, says so once, and catches up", async () => {
  await using logs = await collectLogs();
  await using kube = FakeKube.start();
  kube.put(pod(1));
  await using pods = follow(kube);
  await until(() => kube.watchers === 1);
  await kube.stop();
  await until(() => pods.stats.failures >= 4);
  assertEquals(pods.find("", [id(1)])?.pod.name, "web-5d4f8c7b9-1");
  kube.put(pod(2));
  kube.remove(uid(1));
  kube.listen();
  await until(() => pods.find("", [id(2)]) !== undefined);
  await until(() => logs.lines.some((line) => line.includes("answers again")));
  assertEquals(pods.stats.pods, 1);
  const warnings = logs.lines.filter((line) => line.startsWith("warning"));
  assertEquals(warnings.length, 1, warnings.join("\n"));
  assertStringIncludes(warnings[0]!, `Cannot learn of this node's pods from 127.0.0.1:${kube.port}`);
});

Deno.test("Pods goes on from where the watch was when it ends in order", async () => {
  await using kube = FakeKube.start();
  await using pods = follow(kube);
  await until(() => kube.watchers === 1);
  kube.put(pod(1));
  await until(() => pods.stats.pods === 1);
  kube.bookmark();
  kube.hangUp();
  kube.put(pod(2)); // While nobody watches.
  await until(() => pods.stats.pods === 2);
  assertEquals(pods.stats.lists, 1);
  assert(pods.stats.watches >= 2);
  const versions = kube.requests.filter((url) => url.searchParams.get("watch"))
    .map((url) => Number(url.searchParams.get("resourceVersion")));
  assert(versions[1]! > versions[0]!, versions.join());
});

Deno.test("Pods lists anew, and not from the cache, when the server has forgotten what happened", async () => {
  await using logs = await collectLogs();
  await using kube = FakeKube.start();
  for (let n = 0; n < 3; n++) kube.put(pod(n));
  await using pods = follow(kube);
  await until(() => kube.watchers === 1);
  kube.remove(uid(0));
  kube.compact();
  await until(() => pods.stats.lists === 2 && kube.watchers === 1);
  assertEquals(pods.stats.pods, 2);
  const lists = kube.requests.filter((url) => !url.searchParams.get("watch"));
  assertEquals(lists.map((url) => url.searchParams.get("resourceVersion")), ["0", null]);
  assertEquals(logs.lines.filter((line) => line.startsWith("warning")), []);
});

Deno.test("Pods lists anew when a watch is refused with 410 before it begins", async () => {
  await using kube = FakeKube.start();
  kube.put(pod(1));
  await using pods = follow(kube);
  await until(() => kube.watchers === 1);
  kube.misbehave.push(() => status(410, "Gone"));
  kube.hangUp();
  await until(() => pods.stats.lists === 2 && kube.watchers === 1);
  assertEquals(pods.stats.pods, 1);
});

Deno.test("Pods answers at once while the server is slow, and gives up on a list that takes too long", async () => {
  await using kube = FakeKube.start();
  kube.put(pod(1));
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  kube.misbehave.push(() => {
    asked.resolve();
    return promise.then(() => status(500, "late"));
  });
  await using pods = follow(kube, { timing: { list: 30 } });
  await asked.promise;
  assertEquals(pods.find(uid(1), [id(1)]), undefined);
  await until(() => pods.stats.pods === 1);
  assert(pods.stats.failures >= 1);
  resolve();
});

Deno.test("Pods ends at once while an answer is awaited", async () => {
  await using kube = FakeKube.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  kube.misbehave.push(() => promise.then(() => status(500, "late")));
  const pods = follow(kube);
  await until(() => kube.requests.length === 1);
  await pods[Symbol.asyncDispose]();
  assertEquals(pods.stats.failures, 0);
  resolve();
});

Deno.test("Pods survives answers that are broken, and keeps what it knew", async () => {
  await using kube = FakeKube.start();
  kube.put(pod(1));
  await using pods = follow(kube);
  await until(() => kube.watchers === 1);
  for (const junk of ["{\n", "null\n", '{"type":"ERROR"}\n', '{"type":"ADDED","object":7', "\u{0}\n"]) {
    const before = pods.stats.failures;
    await until(() => kube.watchers === 1);
    kube.sendRaw(junk);
    kube.hangUp();
    await until(() => pods.stats.failures > before);
    assertEquals(pods.find("", [id(1)])?.container, "web");
  }
  const before = pods.stats.lists;
  kube.misbehave.push(
    () => new Response("<html>"),
    () => Response.json({ items: "none" }),
    () => Response.json({ items: [] }),
    () => Response.json(null),
    () => status(503, "apiserver not ready"),
  );
  kube.compact();
  await until(() => pods.stats.lists > before && kube.watchers === 1);
  assertEquals(pods.find("", [id(1)])?.container, "web");
});

Deno.test("Pods takes events that come in pieces, and objects that are no pods of use", async () => {
  await using kube = FakeKube.start();
  await using pods = follow(kube);
  await until(() => kube.watchers === 1);
  const line = JSON.stringify({ type: "ADDED", object: podObject({ ...pod(1), name: "größe" }, "500") }) +
    "\n";
  for (const part of [line.slice(0, 100), line.slice(100, 101), line.slice(101)]) {
    kube.sendRaw(part);
    await delay(1);
  }
  kube.sendRaw('\n{"type":"ADDED","object":{"metadata":{}}}\n{"type":"NEW","object":null}\n');
  await until(() => pods.stats.pods === 1);
  assertEquals(pods.find(uid(1), [])?.pod.name, "größe");
  assertEquals(pods.stats.failures, 0);
});

Deno.test("Pods says which right is missing, and whose name is wrong", async () => {
  await using logs = await collectLogs();
  await using kube = FakeKube.start();
  const message = 'pods is forbidden: User "system:serviceaccount:aperture:x" cannot list resource "pods"';
  kube.misbehave.push(() => status(403, message));
  await using pods = follow(kube, { node: "node-7" });
  await until(() => pods.stats.lists === 1);
  const warnings = logs.lines.filter((line) => line.startsWith("warning"));
  assertStringIncludes(warnings[0]!, `the service account lacks a right (403 ${message})`);
  assertMatch(warnings[1]!, /There are no pods on node 'node-7'.*APERTURE_NODE_NAME/);
});

Deno.test("Pods takes 5,000 pods page by page and keeps only what is needed of them", async () => {
  await using kube = FakeKube.start();
  for (let n = 0; n < 5000; n++) kube.put(pod(n));
  await using pods = follow(kube);
  await until(() => kube.watchers === 1);
  assertEquals(pods.stats.pods, 5000);
  kube.compact(); // The second list comes in pages.
  await until(() => pods.stats.lists === 2 && kube.watchers === 1);
  assertEquals(kube.requests.filter((url) => url.searchParams.get("continue")).length, 9);
  for (const n of [0, 2500, 4999]) assertEquals(pods.find("", [id(n)])?.pod.uid, uid(n));
});

Deno.test("Pods asks the kubelet again and again, and at once for a container that is new", async () => {
  await using kube = FakeKube.start();
  kube.put(pod(1));
  await using pods = follow(kube, { from: "kubelet", timing: { poll: 1e8 } });
  await until(() => pods.stats.lists === 1);
  assertEquals(pods.find(uid(1), [id(1)])?.container, "web");
  kube.put(pod(2));
  kube.remove(uid(1));
  await delay(1);
  assertEquals(pods.find("", [id(2)]), undefined);
  while (pods.find("", [id(2)]) === undefined) {
    pods.nudge();
    await delay(1);
  }
  assertEquals(pods.stats.pods, 1);
  assertEquals(new Set(kube.requests.map(({ pathname }) => pathname)), new Set(["/pods"]));
});

Deno.test("Pods waits out the failures of a kubelet and takes no broken answer for an empty one", async () => {
  await using kube = FakeKube.start();
  kube.put(pod(1));
  await using pods = follow(kube, { from: "kubelet" });
  await until(() => pods.stats.lists >= 1);
  const { failures } = pods.stats;
  kube.misbehave.push(() => new Response("{"), () => Response.json({}), () => status(500, "restarting"));
  await until(() => pods.stats.failures >= failures + 3);
  assertEquals(pods.stats.pods, 1);
  // This is what a kubelet without pods says, again and again.
  kube.misbehave.push(...Array(100_000).fill(() => Response.json({ kind: "PodList", items: null })));
  await until(() => pods.stats.pods === 0);
});

testWith(
  ["openssl"],
  "Pods speaks HTTPS with the cluster's authority, and reads token and CA anew",
  async () => {
    using folder = new TempFolder();
    const tls = selfSigned(folder.path, "127.0.0.1", "first");
    const tokenFile = folder.write("token", "one\n");
    const caFile = folder.write("ca.crt", tls.ca);
    await using kube = FakeKube.start({ tls, token: "one" });
    kube.put(pod(1));
    await using pods = follow(kube, { client: { url: kube.url, tokenFile, caFile } });
    await until(() => kube.watchers === 1);

    // The old token has run out before the kubelet has written the new one.
    kube.token = "two";
    kube.hangUp();
    await until(() => kube.refused >= 2);
    folder.write("token", "two\n");
    await until(() => kube.watchers === 1);

    // The cluster's authority is replaced.
    await kube.stop();
    const next = selfSigned(folder.path, "127.0.0.1", "next");
    await using replaced = FakeKube.start({ tls: next, token: "two", port: kube.port });
    for (const n of [1, 2]) replaced.put(pod(n));
    const { failures } = pods.stats;
    await until(() => pods.stats.failures >= failures + 2);
    assertEquals(replaced.requests, []);
    folder.write("ca.crt", next.ca);
    await until(() => pods.find("", [id(2)]) !== undefined);
    assertEquals(replaced.refused, 0);
  },
);

Deno.test("Pods does not send its token in clear", async () => {
  using folder = new TempFolder();
  const tokenFile = folder.write("token", "secret");
  await using kube = FakeKube.start({ token: "secret" });
  await using pods = follow(kube, { client: { url: kube.url, tokenFile } });
  await until(() => pods.stats.failures >= 1);
  assert(kube.refused >= 1);
});
