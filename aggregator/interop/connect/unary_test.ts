// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { create, type DescMethodUnary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError as ClientError } from "@connectrpc/connect";
import fc from "fast-check";
import {
  LabelNamesRequestSchema,
  LabelNamesResponseSchema,
  LabelValuesRequestSchema,
} from "../../../proto/gen/types/v1/types_pb.ts";
import { QuerierService } from "../../../proto/gen/querier/v1/querier_pb.ts";
import { connectClient, type ConnectClientOptions } from "../../../tests/support/connect_client.ts";
import { toRoute } from "../foreign.ts";
import { readMessage } from "./codec.ts";
import { CONNECT_STATUS, type ConnectCode, ConnectError } from "./error.ts";
import { type CallContext, unaryRoute } from "./unary.ts";

const OPTIONS = { scope: "read", maxBytes: 2048, timeoutMs: 1000 } as const;
const PATH = "http://aggregator.test/querier.v1.QuerierService/LabelNames";

type Handle = (names: string[], context: CallContext) => Promise<{ names: string[] }> | { names: string[] };

/** Serves LabelNames by `handle`. */
function serve(handle: Handle) {
  const method: DescMethodUnary<typeof LabelNamesRequestSchema, typeof LabelNamesResponseSchema> =
    QuerierService.method.labelNames;
  const { handle: answer, foreign } = toRoute(
    unaryRoute(method, OPTIONS, ({ matchers }, context) => handle(matchers, context)),
  );
  return async (request: Request): Promise<Response> => {
    const context = { request, url: new URL(request.url), signal: request.signal, address: "" };
    try {
      const reply = await answer(context);
      return new Response(reply.body ?? null, { status: reply.status ?? 200, headers: reply.headers ?? {} });
    } catch (error) {
      const { status, code, message } = error as { status: number; code: string; message: string };
      const reply = foreign!.tell({ status, code, message });
      return new Response(reply.body ?? null, { status: reply.status ?? 200, headers: reply.headers ?? {} });
    }
  };
}

function client(handle: Handle, options: ConnectClientOptions = {}) {
  return connectClient(QuerierService, { fetch: serve(handle), ...options });
}

const echo: Handle = (names) => ({ names });

async function raw(headers: Record<string, string>, body: BodyInit | null = null): Promise<[number, string]> {
  const response = await serve(echo)(new Request(PATH, { method: "POST", headers, body }));
  return [response.status, await response.text()];
}

for (const binary of [true, false]) {
  for (const gzip of [true, false]) {
    Deno.test(`a call comes and goes ${binary ? "as protobuf" : "as JSON"}${gzip ? ", packed" : ""}`, async () => {
      const names = ["ä", "\0", "x".repeat(100)];
      const answer = await client(echo, { binary, gzip }).labelNames({ matchers: names, start: 2n ** 62n });
      assertEquals(answer.names, names);
    });
  }
}

Deno.test("a call that is refused has its code and text, of all that there are", async () => {
  for (const code of Object.keys(CONNECT_STATUS) as ConnectCode[]) {
    for (const binary of [true, false]) {
      const refused = client(() => {
        throw new ConnectError(code, `because of ${code}`);
      }, { binary });
      const error = await assertRejects(() => refused.labelNames({}), ClientError);
      const name = code.split("_").map((word) => word[0]!.toUpperCase() + word.slice(1)).join("");
      assertEquals([Code[error.code], error.rawMessage], [name, `because of ${code}`]);
    }
  }
});

Deno.test("a call ends with the client's time, which has at most ten digits", async () => {
  const never: Handle = (_, { signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const response = await serve(never)(
    new Request(PATH, {
      method: "POST",
      headers: { "content-type": "application/json", "connect-timeout-ms": "1" },
    }),
  );
  assertEquals([response.status, (await response.json()).code], [504, "deadline_exceeded"]);
  const json = { "content-type": "application/json" };
  assertEquals(await raw({ ...json, "connect-timeout-ms": "9999999999" }), [200, "{}"]);
  for (const text of ["12345678901", "-1", "1.5", "1s", ""]) {
    const [status, body] = await raw({ ...json, "connect-timeout-ms": text });
    assertEquals([status, JSON.parse(body).code], [400, "invalid_argument"], text);
  }
});

Deno.test("a call is read by its content type alone", async () => {
  for (
    const type of ["application/json", "APPLICATION/JSON; charset=utf-8", "application/json;charset=utf-8"]
  ) {
    const headers = { "content-type": type, accept: "*/*; allow-utf8-labelnames=true" };
    assertEquals(await raw(headers, '{"matchers":["a"],"unknown":[{}]}'), [200, '{"names":["a"]}']);
  }
  for (
    const type of ["text/plain", "application/connect+proto", "application/protobuf", "application/jsonp"]
  ) {
    const [status, body] = await raw({ "content-type": type }, "{}");
    assertEquals(status, 415, type);
    assertStringIncludes(body, type);
  }
  assertEquals((await raw({ "content-type": "application/json", "connect-protocol-version": "2" }))[0], 400);
});

Deno.test("a call of nothing is the empty message, packed or not", async () => {
  for (const type of ["application/json", "application/proto"]) {
    for (const encoding of ["identity", "gzip"]) {
      assertEquals((await raw({ "content-type": type, "content-encoding": encoding }))[0], 200, type);
    }
  }
});

Deno.test("a call has a bound, packed and unpacked, which no client takes for a reason to send it again", async () => {
  const large = { matchers: ["x".repeat(100_000)] };
  for (const gzip of [true, false]) {
    const error = await assertRejects(() => client(echo, { gzip }).labelNames(large), ClientError);
    assertEquals(error.code, Code.InvalidArgument);
    assertStringIncludes(error.message, "2048 bytes");
  }
  const [status, body] = await raw({ "content-type": "application/json", "content-encoding": "gzip" }, "{}");
  assertEquals([status, JSON.parse(body).code], [400, "invalid_argument"]);
  const other = await raw({ "content-type": "application/json", "content-encoding": "zstd" }, "{}");
  assertEquals([other[0], JSON.parse(other[1]).code], [501, "unimplemented"]);
  assertStringIncludes(other[1], "gzip");
});

Deno.test("JSON has both spellings of a field, numbers or text, and null for none", () => {
  const schema = QuerierService.method.selectMergeStacktraces.input;
  const read = (text: string) => readMessage(schema, "json", new TextEncoder().encode(text));
  const camel = read(
    `{"profileTypeID":"a","labelSelector":"{}","start":"1","maxNodes":7,"stackTraceSelector":{"callSite":[{"name":"f"}]}}`,
  );
  const snake = read(
    `{"profile_typeID":"a","label_selector":"{}","start":1,"max_nodes":"7","stack_trace_selector":{"call_site":[{"name":"f"}]},"format":null}`,
  );
  assertEquals(toBinary(schema, camel), toBinary(schema, snake));
  assertEquals(camel.maxNodes, 7n);
  assertEquals(read(`{"format":"PROFILE_FORMAT_OF_LATER"}`).format, 0);
  assertEquals(read(`{"format":2}`), read(`{"format":"PROFILE_FORMAT_TREE"}`));
});

Deno.test("readMessage() reads any bytes or refuses them", () => {
  const schema = LabelValuesRequestSchema;
  const whole = toBinary(schema, create(schema, { name: "n", matchers: ["{}"], start: 1n }));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 64 }),
        fc.string().map((text) => new TextEncoder().encode(text)),
        fc.json().map((text) => new TextEncoder().encode(text)),
        fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, byte]) => whole.with(at, byte)),
      ),
      fc.constantFrom("proto" as const, "json" as const),
      (bytes, codec) => {
        try {
          assertEquals(readMessage(schema, codec, bytes).$typeName, "types.v1.LabelValuesRequest");
        } catch (error) {
          if (!(error instanceof ConnectError)) throw error;
          assertEquals(error.code, "invalid_argument");
        }
      },
    ),
    { numRuns: 500 },
  );
});
