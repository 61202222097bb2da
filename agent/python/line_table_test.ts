// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { run } from "../../tests/support/programs.ts";
import { pythons } from "../../tests/support/pythons.ts";
import type { LineFormat } from "./layouts.ts";
import { LineTable } from "./line_table.ts";

const FORMATS = new Map<string, LineFormat>([["3.8", "lnotab"], ["3.9", "lnotab"], ["3.10", "ranges"]]);

/** Prints, for each code object of a part of the standard library, its first line, its table and the line of every unit. */
const DUMP = `
import dis, json, pathlib, sys, types, warnings
warnings.simplefilter("ignore")
def ranges(code):
    if sys.version_info >= (3, 10):
        return code.co_lines()
    starts = list(dis.findlinestarts(code))
    ends = [start for start, _ in starts[1:]] + [len(code.co_code)]
    return [(start, end, line) for (start, line), end in zip(starts, ends)]
def visit(code):
    if sys.version_info >= (3, 11):
        lines = [line or 0 for line, *_ in code.co_positions()]
    else:
        lines = [line or 0 for start, end, line in ranges(code) for _ in range(start, end, 2)]
    table = code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab
    print(json.dumps([code.co_firstlineno, table.hex(), lines]))
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            visit(const)
library = pathlib.Path(json.__file__).parent.parent
for path in sorted([*library.glob("*.py"), *library.glob("asyncio/*.py"), *library.glob("test/test_gram*.py")]):
    # Debian's sitecustomize.py is a link to where it would be installed.
    if path.exists():
        visit(compile(path.read_bytes(), str(path), "exec"))
# Lines far apart and none at all.
visit(compile("x = 1" + "\\n" * 5000 + "y = (x +" + "\\n" * 3000 + "1)\\ndef f():\\n  for a in b:\\n    yield 1", "far", "exec"))
`;

for (const { path, version, minor } of pythons()) {
  const format = FORMATS.get(minor) ?? "locations";
  Deno.test(`LineTable has the lines that CPython ${version} has (${path})`, () => {
    let units = 0;
    for (const row of run(path, ["-c", DUMP]).trim().split("\n")) {
      const [firstLine, table, lines] = JSON.parse(row) as [number, string, number[]];
      const decoded = LineTable.decode(Uint8Array.fromHex(table), firstLine, format);
      assertEquals(lines.map((_, unit) => decoded.line(unit)), lines);
      // The last line of lnotab has no end.
      if (format !== "lnotab") assertEquals(decoded.line(lines.length), 0);
      units += lines.length;
    }
    if (units < 100_000) throw new Error(`Only ${units} code units were compared`);
  });
}

Deno.test("LineTable makes lines of any bytes, and is no larger than twelve times them", () => {
  const format = fc.constantFrom<LineFormat>("lnotab", "ranges", "locations");
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(),
      fc.nat(5000),
      format,
      (table, first, unit, format) => {
        const decoded = LineTable.decode(table, first, format);
        const line = decoded.line(unit);
        return Number.isInteger(line) && line >= 0 && line < 2 ** 31 &&
          decoded.bytes <= 12 * (table.length + 1);
      },
    ),
    { numRuns: 2000 },
  );
});
