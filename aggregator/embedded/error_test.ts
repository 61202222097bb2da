// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { CODE, codeOf, EngineError, httpStatus } from "./error.ts";

Deno.test("codeOf() takes the first code of the engine's text", () => {
  assertEquals(codeOf("Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE)"), 60);
  assertEquals(codeOf("Code: 27. DB::Exception: Code: 6. DB::Exception: x. (A) (B)"), 27);
  assertEquals(codeOf("no code at all"), 1001);
});

Deno.test("httpStatus() is that of ClickHouse's server", () => {
  const statuses = {
    62: 400,
    60: 404,
    115: 404,
    223: 413,
    48: 501,
    159: 408,
    194: 401,
    516: 403,
    497: 403,
    241: 500,
  };
  for (const [code, status] of Object.entries(statuses)) assertEquals(httpStatus(Number(code)), status, code);
});

Deno.test("EngineError.of() words an error as the engine does", () => {
  const error = EngineError.of(CODE.SYNTAX_ERROR, "Syntax error");
  assertEquals([error.code, error.message], [62, "Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)"]);
});
