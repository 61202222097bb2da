// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { readStatement } from "./statement.ts";

const latin1 = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);

Deno.test("readStatement() finds the verb behind comments and parentheses", () => {
  const verbs = {
    "select 1": "SELECT",
    "  -- a comment\n /* and; another */ SELECT 1": "SELECT",
    "#!shebang\nselect 1": "SELECT",
    "(select 1) union all (select 2)": "SELECT",
    "WITH x AS (SELECT 1) SELECT * FROM x": "WITH",
    "show tables": "SHOW",
    "": "",
    " ; -- nothing": "",
  };
  for (const [sql, verb] of Object.entries(verbs)) assertEquals(readStatement(sql).verb, verb, sql);
});

Deno.test("readStatement() reads the format only where it is a clause", () => {
  const formats = {
    "select 1 format JSONEachRow": "JSONEachRow",
    "select 1\nFORMAT TSV settings max_threads = 1": "TSV",
    "select 1 settings max_threads = 1 format Native;": "Native",
    "select 'x format CSV'": undefined,
    "select 1 -- format CSV": undefined,
    "select `format` from (select 1 as `format`)": undefined,
    "select format('{}', 'x')": undefined,
    "select (select 1 format) x": undefined,
  };
  for (const [sql, format] of Object.entries(formats)) assertEquals(readStatement(sql).format, format, sql);
});

Deno.test("readStatement() finds a second statement, and no end inside of texts", () => {
  const many = {
    "select 1; select 2": true,
    "select 1;": false,
    "select 1; -- the end": false,
    "select ';' || \"a;b\" || `c;d`": false,
    "select $doc$ a; b $doc$": false,
    "select 'it''s; \\'; one'": false,
    "insert into t values (1, ';')": false,
    "insert into t values (1); drop table t": true,
    "insert into t format TSV\na;b\nselect 2;": false,
  };
  for (const [sql, expected] of Object.entries(many)) assertEquals(readStatement(sql).many, expected, sql);
});

Deno.test("readStatement() splits an INSERT from its data", () => {
  const cases: [string, string, string, string][] = [
    ["insert into t format RowBinary", "insert into t ", "RowBinary", ""],
    ["insert into t (a, b) FORMAT TSV\n1\t2\n", "insert into t (a, b) ", "TSV", "1\t2\n"],
    ["insert into t settings a=1 format JSONEachRow {}", "insert into t settings a=1 ", "JSONEachRow", "{}"],
    ["insert into t values (1)", "insert into t ", "Values", " (1)"],
    ["insert into values values (1)", "insert into values ", "Values", " (1)"],
    ["insert into a.select values (1)", "insert into a.select ", "Values", " (1)"],
    ["insert into t (values, format) values (1, 2)", "insert into t (values, format) ", "Values", " (1, 2)"],
    ["insert into t", "insert into t", "Values", ""],
  ];
  for (const [sql, head, format, data] of cases) {
    const { insert } = readStatement(sql);
    assertEquals([sql.slice(0, insert?.headEnd), insert?.format, sql.slice(insert?.dataAt)], [
      head,
      format,
      data,
    ]);
  }
  assertEquals(readStatement("insert into t select 1").insert, undefined);
  assertEquals(readStatement("insert into t with x as (select 1) select * from x").insert, undefined);
});

Deno.test("readStatement() names reading and writing of files", () => {
  assertEquals(readStatement("insert into t from infile '/etc/passwd' format CSV").verb, "INFILE");
  assertEquals(readStatement("select 1 into outfile '/tmp/x' format CSV").verb, "OUTFILE");
  assertEquals(readStatement("select infile from outfile").verb, "SELECT");
});

Deno.test("readStatement() keeps binary data as they are, whatever they hold", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
    const head = new TextEncoder().encode("insert into t (a) format RowBinary\n");
    const { insert, many } = readStatement(latin1(new Uint8Array([...head, ...data])));
    assertEquals(insert, { headEnd: 18, format: "RowBinary", dataAt: head.length });
    assertEquals(many, false);
  }));
});

Deno.test("readStatement() ends on any text", () => {
  const piece = fc.constantFrom(
    "select",
    "'",
    '"',
    "`",
    "\\",
    "/*",
    "*/",
    "--",
    "\n",
    ";",
    "(",
    "$a$",
    "format",
    " ",
    "ü",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    const { many } = readStatement(pieces.join(""));
    assertEquals(typeof many, "boolean");
  }));
});
