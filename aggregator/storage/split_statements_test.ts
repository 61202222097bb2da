// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { splitStatements } from "./split_statements.ts";

Deno.test("splitStatements() cuts at semicolons and drops what is empty", () => {
  assertEquals(splitStatements("SELECT 1;\n;  SELECT 2 ; -- the end\n/* ; */"), ["SELECT 1", "SELECT 2"]);
});

Deno.test("splitStatements() leaves semicolons in text, names and comments alone", () => {
  for (
    const statement of [
      "SELECT ';'",
      "SELECT 'it''s;', '\\';'",
      'SELECT ";" AS "a"";"',
      "SELECT 1 AS `a;``;`",
      "SELECT /* ; ' */ 1",
      "SELECT 1 -- ; '\n, 2",
      "SELECT $$;$$, $a$ $$;' $a$",
    ]
  ) assertEquals(splitStatements(`${statement};${statement}`), [statement, statement]);
});

Deno.test("splitStatements() keeps every statement whole, whatever its text holds", () => {
  fc.assert(fc.property(fc.array(fc.string()), (texts) => {
    const statements = texts.map((text) => `SELECT '${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`);
    assertEquals(splitStatements(statements.join(";\n")), statements);
  }));
});
