// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { FleetQueries } from "../../tests/support/fleet_queries.ts";
import { build } from "../../tasks/build.ts";
import { routeTable } from "./handler.ts";
import { loadPage } from "./page.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { testHandler, testOptions } from "../../tests/support/http_handler.ts";

interface Parameter {
  readonly name: string;
  readonly schema: { readonly enum?: string[]; readonly default?: unknown; readonly maximum?: number };
}

interface Operation {
  readonly security?: unknown[];
  /** Is what a token must be allowed, where that is more than to read. */
  readonly "x-scope"?: "admin" | "ingest";
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

Deno.test("openapi.json describes each route of ours, with its access, and no other", async () => {
  await build("ui");
  const routes = routeTable(testOptions({ page: await loadPage() }));
  assertEquals(
    operations().map(({ path, method, operation }) =>
      `${method} ${path} ${operation.security?.length === 0 ? "open" : operation["x-scope"] ?? "token"}`
    ).sort(),
    routes.filter(({ foreign }) => !foreign).map(({ method, path, access }) => `${method} ${path} ${access}`)
      .sort(),
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
  for (const { path, method, schema } of answers()) {
    if (method !== "GET" || path === "/readyz") continue;
    const [first = schema] = schema.oneOf ?? [];
    check(await (await ask(path)).json(), resolve<Schema>(first), path);
  }
});

Deno.test("openapi.json describes the types that routes and page use, and no others", async () => {
  using folder = new TempFolder();
  const file = `${folder.path}/answers.ts`;
  // What is written may be changed by nobody, what is read may be held to be changeable: both are taken.
  const described = (name: string, array: string) =>
    `export interface ${name} {\n${
      answers().map(({ path, method, schema }) => `  "${method} ${path}": ${typeOf(schema, array)};\n`).join(
        "",
      )
    }}`;
  await Deno.writeTextFile(
    file,
    [
      `import type { Answers } from "${new URL("answers.ts", import.meta.url)}";`,
      described("Read", "readonly "),
      described("Written", ""),
      // Each way: a field that one of them lacks, or has of another type, is an error that names it.
      "export const ofRoutes = (answers: Answers): Read => answers;",
      "export const ofDocument = (described: Written): Answers => described;",
    ].join("\n"),
  );
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "check",
      "--quiet",
      "--frozen",
      "--config",
      new URL("../../deno.json", import.meta.url).pathname,
      file,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
});

interface Schema {
  readonly $ref?: string;
  readonly type?: string | string[];
  readonly enum?: string[];
  readonly oneOf?: Schema[];
  readonly properties?: Record<string, Schema>;
  readonly required?: string[];
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
}

/** Gives the routes that answer JSON of a known shape, with its schema. */
function answers(): { path: string; method: string; schema: Schema }[] {
  return operations().flatMap(({ path, method, operation }) => {
    const { content } = resolve(operation.responses["200"] ?? {}) as {
      content?: Record<string, { schema: Schema }>;
    };
    const schema = content?.["application/json"]?.schema;
    return schema && !path.startsWith("/api/export/") ? [{ path, method, schema }] : [];
  });
}

/** Writes a schema as a type of TypeScript; arrays have `modifier`. */
function typeOf(given: Schema, modifier: string): string {
  const schema = resolve<Schema>(given as Schema & { $ref: string });
  if (schema.oneOf) return schema.oneOf.map((one) => typeOf(one, modifier)).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (Array.isArray(schema.type)) {
    return schema.type.map((type) => typeOf({ ...schema, type }, modifier)).join(" | ");
  }
  if (schema.items) return `${modifier}(${typeOf(schema.items, modifier)})[]`;
  if (schema.properties) {
    const fields = Object.entries(schema.properties).map(([name, inner]) => {
      return `readonly ${name}${schema.required?.includes(name) ? "" : "?"}: ${typeOf(inner, modifier)};`;
    });
    return `{ ${fields.join(" ")} }`;
  }
  if (schema.additionalProperties) return `Record<string, ${typeOf(schema.additionalProperties, modifier)}>`;
  assert(
    schema.type === "integer" || ["string", "number", "boolean", "null"].includes(`${schema.type}`),
    `a schema without a shape: ${JSON.stringify(schema)}`,
  );
  return schema.type === "integer" ? "number" : `${schema.type}`;
}

/** Fields are the same, and so deeper down. */
function check(value: unknown, given: Schema, where: string): void {
  const schema = resolve<Schema>(given as Schema & { $ref: string });
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
