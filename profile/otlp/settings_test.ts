// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { readSettings, UsageError } from "../../common/settings.ts";
import { OTLP_SETTINGS, targetOf } from "./settings.ts";

const read = (env: Record<string, string>) => targetOf(readSettings(OTLP_SETTINGS, [], env));

Deno.test("targetOf() sends nothing unless it is told to, and then where OpenTelemetry's variables say", () => {
  assertEquals(read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }), undefined);
  const on = { OTEL_PROFILES_EXPORTER: "otlp" };
  const url = (env: Record<string, string>) => read({ ...on, ...env })!.url.href;
  assertEquals(url({}), "http://localhost:4318/v1development/profiles");
  assertEquals(url({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }), "http://localhost:4317/");
  assertEquals(
    url({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/base/" }),
    "https://c/base/v1development/profiles",
  );
  assertEquals(url({ OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT: "https://p/own" }), "https://p/own");
  const { headers, gzip, timeoutMs } = read({
    ...on,
    OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Bearer%20a%3Db, x-key = 1,",
    OTEL_EXPORTER_OTLP_COMPRESSION: "none",
    OTEL_EXPORTER_OTLP_TIMEOUT: "250",
  })!;
  assertEquals([headers, gzip, timeoutMs], [{ authorization: "Bearer a=b", "x-key": "1" }, false, 250]);
  for (const OTEL_EXPORTER_OTLP_HEADERS of ["a", "=b", "a b=c", "a=%zz"]) {
    assertThrows(() => read({ ...on, OTEL_EXPORTER_OTLP_HEADERS }), UsageError, "a list of headers");
  }
});
