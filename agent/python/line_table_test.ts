import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { run } from "../../tests/support/programs.ts";
import { pythons } from "../../tests/support/pythons.ts";
import { LineTable } from "./line_table.ts";

/** Prints, for each code object of a part of the standard library, its first line, its table and the line of every unit. */
const DUMP = `
import json, pathlib, sys, types, warnings
warnings.simplefilter("ignore")
def visit(code):
    lines = [line or 0 for line, *_ in code.co_positions()]
    print(json.dumps([code.co_firstlineno, code.co_linetable.hex(), lines]))
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            visit(const)
library = pathlib.Path(json.__file__).parent.parent
for path in sorted([*library.glob("*.py"), *library.glob("asyncio/*.py"), *library.glob("test/test_gram*.py")]):
    visit(compile(path.read_bytes(), str(path), "exec"))
# Lines far apart and none at all.
visit(compile("x = 1" + "\\n" * 5000 + "y = (x +" + "\\n" * 3000 + "1)\\ndef f():\\n  for a in b:\\n    yield 1", "far", "exec"))
`;

for (const { path, version } of pythons()) {
  Deno.test(`LineTable has the lines that CPython ${version} has (${path})`, () => {
    let units = 0;
    for (const row of run(path, ["-c", DUMP]).trim().split("\n")) {
      const [firstLine, table, lines] = JSON.parse(row) as [number, string, number[]];
      const decoded = LineTable.decode(Uint8Array.fromHex(table), firstLine);
      assertEquals(lines.map((_, unit) => decoded.line(unit)), lines);
      assertEquals(decoded.line(lines.length), 0);
      units += lines.length;
    }
    if (units < 100_000) throw new Error(`Only ${units} code units were compared`);
  });
}

Deno.test("LineTable makes lines of any bytes, and is no larger than eight times them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(5000), (table, first, unit) => {
      const decoded = LineTable.decode(table, first);
      const line = decoded.line(unit);
      return Number.isInteger(line) && line >= 0 && line < 2 ** 31 && decoded.bytes <= 8 * table.length;
    }),
    { numRuns: 2000 },
  );
});
