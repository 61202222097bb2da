// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { FleetQueries } from "../../tests/support/fleet.ts";
import { build } from "../../tasks/build.ts";
import { routeTable } from "./handler.ts";
import { loadPage } from "./page.ts";
import { testHandler, testOptions } from "../../tests/support/http_handler.ts";

interface Parameter {
  readonly name: string;
  readonly schema: { readonly enum?: string[]; readonly default?: unknown; readonly maximum?: number };
}

interface Operation {
  readonly security?: unknown[];
  readonly parameters?: (Parameter | { $ref: string })[];
  readonly responses: Record<string, unknown>;
}

const DOCUMENT = JSON.parse(await Deno.readTextFile(new URL("../../docs/openapi.json", import.meta.url)));

function operations(): { path: string; method: string; operation: Operation }[] {
  return Object.entries(DOCUMENT.paths as Record<string, Record<string, Operation>>).flatMap((
    [path, methods],
  ) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation }))
  );
}

function resolve<T>(value: T | { $ref: string }): T {
  if (typeof value !== "object" || value === null || !("$ref" in value)) return value as T;
  return value.$ref.slice(2).split("/").reduce((at, key) => at[key], DOCUMENT) as T;
}

Deno.test("openapi.json describes each route, with its access, and no other", async () => {
  await build("ui");
  const routes = routeTable(testOptions({ page: await loadPage() }));
  assertEquals(
    operations().map(({ path, method, operation }) =>
      `${method} ${path} ${operation.security?.length === 0 ? "open" : "token"}`
    ).sort(),
    routes.map(({ method, path, access }) => `${method} ${path} ${access}`).sort(),
  );
});

Deno.test("openapi.json lists parameters that are taken, with their values, defaults and limits", async () => {
  const ask = testHandler({ queries: new FleetQueries([]) });
  for (const { path, method, operation } of operations()) {
    if (method !== "GET" || !path.startsWith("/api/")) continue;
    const base = path === "/api/labels" ? `${path}?label=comm&` : `${path}?`;
    for (const parameter of operation.parameters ?? []) {
      const { name, schema } = resolve<Parameter>(parameter);
      if (name === "label") continue;
      const values = schema.enum ?? [String(schema.maximum ?? schema.default ?? "x")];
      for (const value of values) {
        assertEquals((await ask(`${base}${name}=${value}`)).status, 200, `${path} ${name}=${value}`);
      }
      if (schema.maximum === undefined) continue;
      const over = await ask(`${base}${name}=${schema.maximum + 1}`);
      assertEquals(over.status, 400, `${path} ${name} above its maximum`);
    }
    assertEquals((await ask(`${base}no_such=1`)).status, path === "/api/health" ? 200 : 400, path);
  }
});

Deno.test("openapi.json refers to nothing that is not there", () => {
  const visit = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    if ("$ref" in value) assertEquals(typeof resolve(value), "object", String(value.$ref));
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(DOCUMENT);
});

Deno.test("openapi.json names the fields of answers", async () => {
  const ask = testHandler();
  for (const { path, method, operation } of operations()) {
    if (method !== "GET" || !path.startsWith("/api/") || path.startsWith("/api/export/")) continue;
    const response = resolve<{ content: Record<string, { schema: Schema }> }>(
      operation.responses["200"] as never,
    );
    const schema = response.content["application/json"]!.schema;
    const body = await (await ask(path)).json();
    const [first = schema] = schema.oneOf ?? [];
    check(body, resolve<Schema>(first), path);
  }
});

interface Schema {
  readonly type?: string;
  readonly oneOf?: Schema[];
  readonly properties?: Record<string, Schema>;
  readonly items?: Schema;
}

/** Fields are the same, and so deeper down. */
function check(value: unknown, given: Schema, where: string): void {
  const schema = resolve<Schema>(given);
  if (schema.items) {
    return (value as unknown[]).slice(0, 1).forEach((item) => check(item, schema.items!, `${where}[]`));
  }
  if (!schema.properties) return;
  const fields = value as Record<string, unknown>;
  assertEquals(Object.keys(fields).sort(), Object.keys(schema.properties).sort(), where);
  for (const [name, inner] of Object.entries(schema.properties)) {
    check(fields[name], inner, `${where}.${name}`);
  }
}
