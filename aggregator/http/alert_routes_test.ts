// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { Access } from "../access/access.ts";
import { TokenSet } from "../access/tokens.ts";
import type { AlertsApi } from "../alerts/alerts_api.ts";
import type { Rule } from "../alerts/rule.ts";
import { RuleBookError } from "../alerts/rule_book.ts";
import type { Silence } from "../alerts/silences.ts";
import { TEST_ALERTS, testHandler } from "../../tests/support/http_handler.ts";
import { collectLogs } from "../../tests/support/log.ts";

const RULE = { name: "Grew", measure: "cores", threshold: "150%" };

/** Asks with a JSON body. */
function asker(alerts: Partial<AlertsApi> = {}, access?: Access) {
  const ask = testHandler({ alerts: { ...TEST_ALERTS, ...alerts }, ...(access && { access }) });
  return async (method: string, path: string, body?: unknown, token?: string) => {
    const response = await ask(path, {
      method,
      headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
}

Deno.test("what changes alerts asks for the scope admin, what tells of them for read", async () => {
  const tokens = TokenSet.parse(
    "grafana read reading-token-of-some-length\nops admin admin-token-of-some-length\n",
  );
  const ask = asker({}, new Access({ tokens, sleep: () => Promise.resolve() }));
  const changes = [
    ["POST", "/api/alerts", RULE],
    ["PUT", "/api/alerts?name=Grew", RULE],
    ["DELETE", "/api/alerts?name=Grew"],
    ["POST", "/api/alerts/toggle", { name: "Grew", enabled: false }],
    ["POST", "/api/alerts/silence", { labels: { pod: "a" }, for: "1h" }],
  ] as const;
  const reads = [
    ["GET", "/api/alerts"],
    ["GET", "/api/alerts/history"],
    ["POST", "/api/alerts/evaluate", { rule: RULE }],
  ] as const;
  await using logs = await collectLogs();
  const audited = () => logs.lines.filter((line) => line.startsWith("info: 'ops' at ")).length;
  for (const [method, path, body] of [...changes, ...reads]) {
    const before = audited();
    const statusOf = async (token?: string) => (await ask(method, path, body, token)).status;
    const reader = changes.some((change) => change[0] === method && change[1] === path) ? 403 : 200;
    assertEquals(
      [
        await statusOf(),
        await statusOf("reading-token-of-some-length"),
        await statusOf("admin-token-of-some-length"),
      ],
      [401, reader, 200],
      `${method} ${path}`,
    );
    assertEquals(audited() - before, reader === 403 ? 1 : 0, `${method} ${path}`);
  }
  const refused = logs.lines.filter((line) => line.startsWith("warn"));
  assertEquals(refused, [
    "warning: Refused POST /api/alerts to , which has no valid token",
    "warning: Refused POST /api/alerts to , as the token of 'grafana' has no scope 'admin'",
  ]);
});

Deno.test("rules are created, changed, toggled and deleted by their name", async () => {
  const done: unknown[] = [];
  const ask = asker({
    create: (rule: Rule) => Promise.resolve(void done.push(["create", rule.name, rule.threshold])),
    change: (name: string, rule: Rule) =>
      Promise.resolve(void done.push(["change", name, rule.name, rule.enabled])),
    remove: (name: string) => Promise.resolve(void done.push(["remove", name])),
  });
  const { body } = await ask("POST", "/api/alerts", RULE);
  assertEquals([body.source, body.rule.threshold, body.rule.window, body.rule.function], [
    "api",
    1.5,
    "5m",
    null,
  ]);
  // What was answered can be sent back.
  await ask("PUT", "/api/alerts?name=Grew", { ...body.rule, name: "Shrank" });
  await ask("POST", "/api/alerts/toggle", { name: "ParserGrew", enabled: false });
  await ask("DELETE", "/api/alerts?name=A%20B");
  assertEquals(done, [
    ["create", "Grew", 1.5],
    ["change", "Grew", "Shrank", true],
    ["change", "ParserGrew", "ParserGrew", false],
    ["remove", "A B"],
  ]);
});

Deno.test("what cannot be taken is said, and what there is not", async () => {
  const none = new RuleBookError("No such rule: 'Grew'", "not_found");
  const ask = asker({
    rule: () => Promise.reject(none),
    change: () => Promise.reject(new RuleBookError("Cannot change the rule 'Grew'", "refused")),
  });
  const cases = [
    ["POST", "/api/alerts", { ...RULE, threshold: "much" }, 400, "Cannot parse 'threshold'"],
    ["POST", "/api/alerts", [RULE], 400, "not a JSON object"],
    ["PUT", "/api/alerts", RULE, 400, "Missing a parameter: 'name'"],
    ["PUT", "/api/alerts?name=Grew", RULE, 400, "Cannot change the rule 'Grew'"],
    ["DELETE", "/api/alerts?name=Grew", undefined, 404, "No such rule"],
    ["POST", "/api/alerts/toggle", { name: "Grew", enabled: true }, 404, "No such rule"],
    ["POST", "/api/alerts/toggle", { name: "Grew" }, 400, "Missing a field: 'enabled'"],
    ["POST", "/api/alerts/evaluate", {}, 400, "Missing a field: 'name' of a rule, or a 'rule'"],
    ["POST", "/api/alerts/evaluate", { name: "Grew" }, 404, "No such rule"],
    ["POST", "/api/alerts/silence", { labels: {}, for: "1h" }, 400, "Cannot parse 'labels'"],
    ["POST", "/api/alerts/silence", { labels: { a: "b" }, for: "60d" }, 400, "Cannot parse 'for'"],
    ["PATCH", "/api/alerts", {}, 405, "it takes GET, HEAD, POST, PUT, DELETE"],
  ] as const;
  for (const [method, path, body, status, message] of cases) {
    const answer = await ask(method, path, body);
    assertEquals(
      [answer.status, answer.body.error.message.includes(message)],
      [status, true],
      JSON.stringify(answer),
    );
  }
});

Deno.test("a silence lasts for as long as is asked, and is ended by its id", async () => {
  const silences: Silence[] = [];
  const ask = asker({ silence: (silence) => Promise.resolve(void silences.push(silence)) });
  const before = Date.now();
  const { body } = await ask("POST", "/api/alerts/silence", {
    labels: { pod: "a" },
    for: "2h",
    comment: "Known",
  });
  await ask("POST", "/api/alerts/silence", { id: body.id, labels: { pod: "a" }, for: "0s" });
  assertEquals(silences.map(({ id }) => id), [body.id, body.id]);
  const [lasts, ended] = silences.map(({ untilMs }) => Math.round((untilMs - before) / 60_000));
  assertEquals([lasts, ended], [120, 0]);
});
