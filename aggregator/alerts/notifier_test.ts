// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { type Alert, changeId } from "./alert.ts";
import { deliveryKey } from "./deliveries.ts";
import { type News, Notifier } from "./notifier.ts";
import { alertmanagerOf, receiverOf } from "./receiver.ts";
import { DEFAULT_TEMPLATE } from "./webhook_template.ts";

interface Asked {
  readonly path: string;
  readonly authorization: string | null;
  readonly body: unknown;
}

/** Takes what is posted, with the statuses that it is given, then 200. */
class Server implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly statuses: number[] = [];
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const status = this.statuses.shift() ?? 200;
    const { pathname: path } = new URL(request.url);
    const body = await request.json();
    if (status === 200) this.asked.push({ path, authorization: request.headers.get("authorization"), body });
    return new Response(status === 200 ? null : "not now", { status });
  });

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.addr as Deno.NetAddr).port}/base/`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function alertOf(pod: string, more: Partial<Alert> = {}): Alert {
  return {
    ...{ rule: "Grew", group: `[["pod","${pod}"]]`, state: "firing", changed: true },
    labels: { alertname: "Grew", pod },
    annotations: { value: "40 %" },
    ...{
      url: "http://a/",
      value: 0.4,
      samples: 10,
      startedMs: 1000,
      firedMs: 2000,
      seenMs: 3000,
      clearedMs: 0,
    },
    ...more,
  };
}

/** Holds what was written down, as storage would keep it. */
class Written {
  readonly keys = new Set<string>();

  put(id: string, receiver: string): Promise<void> {
    this.keys.add(deliveryKey(id, receiver));
    return Promise.resolve();
  }

  done(): Promise<Set<string>> {
    return Promise.resolve(new Set(this.keys));
  }
}

function notifierOf(
  { webhooks = [], alertmanagers = [], deliveries = new Written() }: {
    webhooks?: readonly URL[];
    alertmanagers?: readonly URL[];
    deliveries?: Written;
  },
) {
  const counts = { ok: 0, failed: 0, dropped: 0 };
  const notifier = new Notifier({
    ...{ alertmanagers: alertmanagers.map(alertmanagerOf), webhooks: webhooks.map(receiverOf), deliveries },
    template: DEFAULT_TEMPLATE,
    metrics: {
      notified: (_, ok) => void (ok ? counts.ok++ : counts.failed++),
      dropped: (changes) => void (counts.dropped += changes),
    },
  });
  const news = (more: Partial<News>): News => {
    return { alerts: [], changes: [], silences: [], untilMs: performance.now() + 60_000, ...more };
  };
  const { signal } = new AbortController();
  return {
    notifier,
    counts,
    take: (more: Partial<News>) => notifier.take("", news(more)),
    deliver: () => notifier.deliver(signal),
  };
}

Deno.test("Notifier tells all Alertmanagers what fires and has resolved, and each once a minute", async () => {
  await using first = new Server();
  await using second = new Server();
  const { take, deliver, counts } = notifierOf({ alertmanagers: [first.url, second.url] });
  const now = Date.now();
  const resolved = alertOf("b", { state: "resolved", seenMs: now - 1000, firedMs: now - 9000 });
  const old = { at: now - 600_000, alert: alertOf("c", { state: "resolved" }) };
  take({
    alerts: [alertOf("a"), alertOf("d", { state: "pending" })],
    changes: [{ at: now - 1000, alert: resolved }, old],
  });
  await deliver();
  await deliver();
  for (const { asked } of [first, second]) {
    assertEquals(asked.map(({ path }) => path), ["/base/api/v2/alerts"]);
    const [fires, ended, ...others] = asked[0]!.body as Record<string, unknown>[];
    assertEquals([fires!["labels"], ended!["labels"], others], [
      { alertname: "Grew", pod: "a" },
      resolved.labels,
      [],
    ]);
    assert(Date.parse(fires!["endsAt"] as string) > now + 180_000);
    assertEquals(ended!["endsAt"], new Date(now - 1000).toISOString());
  }
  // What has changed is told at once.
  take({ alerts: [alertOf("a"), alertOf("e")] });
  await deliver();
  assertEquals([first.asked.length, second.asked.length, counts.ok], [2, 2, 4]);
});

Deno.test("Notifier tells a webhook each change once, whoever told it before, with its password in a header", async () => {
  await using server = new Server();
  const url = new URL(server.url);
  [url.username, url.password] = ["user", "p%40ss"];
  const deliveries = new Written();
  const one = notifierOf({ webhooks: [url], deliveries });
  one.take({ alerts: [alertOf("a")] });
  await one.deliver();
  await one.deliver();
  const other = notifierOf({ webhooks: [url], deliveries });
  other.take({ alerts: [alertOf("a")] });
  await other.deliver();
  const gone = { at: Date.now(), alert: alertOf("a", { state: "resolved" }) };
  other.take({ changes: [gone] });
  await other.deliver();
  await other.deliver();
  assertEquals(server.asked.map(({ body }) => (body as { status: string }).status), ["firing", "resolved"]);
  assertEquals(server.asked[0]!.authorization, `Basic ${btoa("user:p@ss")}`);
});

Deno.test("Notifier tries again after a pause, and counts what could not be told while it was news", async () => {
  await using server = new Server();
  server.statuses.push(503);
  const { take, deliver, counts } = notifierOf({ webhooks: [server.url] });
  take({ alerts: [alertOf("a")] });
  await deliver();
  assertEquals([server.asked.length, counts], [0, { ok: 0, failed: 1, dropped: 0 }]);
  // It is over before it could be told: that it ended is not told either.
  take({ changes: [{ at: Date.now(), alert: alertOf("a", { state: "resolved" }) }] });
  while (counts.dropped === 0) await deliver();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await deliver();
  assertEquals([server.asked.length, counts], [0, { ok: 0, failed: 1, dropped: 1 }]);
  take({ alerts: [alertOf("b")] });
  await deliver();
  assertEquals([server.asked.length, counts.ok], [1, 1]);
});

Deno.test("Notifier tells that it ended also who took that it fires too late to be heard", async () => {
  const told: string[] = [];
  const late = Promise.withResolvers<void>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    told.push((await request.json()).status);
    if (told.length === 1) await late.promise;
    return new Response();
  });
  const { take, deliver, counts } = notifierOf({
    webhooks: [new URL(`http://127.0.0.1:${server.addr.port}`)],
  });
  take({ alerts: [alertOf("a")], untilMs: performance.now() + 300 });
  await deliver();
  late.resolve();
  assertEquals(counts.ok, 0);
  take({ changes: [{ at: Date.now(), alert: alertOf("a", { state: "resolved" }) }] });
  // It is tried again after a pause.
  for (let tries = 0; counts.ok === 0; tries++) {
    assert(tries < 400, "not told within 20 s");
    await delay(50);
    await deliver();
  }
  assertEquals(told, ["firing", "resolved"]);
});

Deno.test("Notifier tells nobody of what is silenced, and of what still fires when the silence has ended", async () => {
  await using server = new Server();
  const { take, deliver } = notifierOf({ webhooks: [server.url], alertmanagers: [server.url] });
  const silence = { id: "1", labels: { pod: "a" }, comment: "", untilMs: Date.now() + 60_000 };
  take({ alerts: [alertOf("a")], silences: [silence] });
  await deliver();
  assertEquals(server.asked, []);
  take({ alerts: [alertOf("a")], silences: [{ ...silence, untilMs: Date.now() - 1 }] });
  await deliver();
  assertEquals(server.asked.map(({ path }) => path), ["/base/"]);
});

Deno.test("Notifier tells nothing once another aggregator may", async () => {
  await using server = new Server();
  const { take, deliver, notifier } = notifierOf({ webhooks: [server.url], alertmanagers: [server.url] });
  take({ alerts: [alertOf("a")], untilMs: performance.now() - 1 });
  await deliver();
  assertEquals([server.asked.length, notifier.counts().firing], [0, 0]);
  take({ alerts: [alertOf("a")] });
  notifier.take("", undefined);
  await deliver();
  assertEquals(server.asked, []);
});

Deno.test("changeId() is another one for each change, and the same for the same", () => {
  const ids = [
    alertOf("a"),
    alertOf("b"),
    alertOf("a", { state: "resolved" }),
    alertOf("a", { firedMs: 2001 }),
  ].map(changeId);
  assertEquals(new Set(ids).size, 4);
  assertEquals(changeId(alertOf("a", { value: 7, seenMs: 9, annotations: {} })), ids[0]);
});
