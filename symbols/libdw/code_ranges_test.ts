// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { memorySource } from "../elf/byte_source.ts";
import { packDebugInfo } from "../pack.ts";
import { codeRanges } from "./code_ranges.ts";
import { DebugInfo, Dwarf } from "./dwarf.ts";
import { DwarfFile } from "./dwarf_file.ts";

const SOURCE = `
#include <algorithm>
#include <map>
#include <string>
#include <vector>
namespace shop {
template <class T> struct Cart {
  std::vector<T> items;
  void add(T item) { items.push_back(item * 2); }
  T total() const { T sum{}; for (auto &item : items) sum += item; return sum; }
};
namespace { int hidden(int n) { Cart<int> c; for (int i = 0; i < n; i++) try { c.add(i); } catch (...) { return n; } return c.total(); } }
}
int main(int argc, char **argv) {
  std::map<std::string, int> m;
  for (int i = 0; i < argc; i++) m[argv[i]] = shop::hidden(i);
  std::vector<int> v; for (auto &e : m) v.push_back(e.second);
  std::sort(v.begin(), v.end(), [](int a, int b) { return a > b; });
  return v[0];
}
`;

for (const version of [4, 5]) {
  testWith(
    ["clang++"],
    `codeRanges() says of each address what DebugInfo says, of DWARF ${version}`,
    async () => {
      using folder = new TempFolder();
      const path = `${folder.path}/cart`;
      await Deno.writeTextFile(`${path}.cpp`, SOURCE);
      run("clang++", ["-O2", "-g", `-gdwarf-${version}`, `${path}.cpp`, "-o", path]);
      const { image } = packDebugInfo(memorySource(await Deno.readFile(path)), 64 << 20)!;
      using dwarf = new Dwarf();
      using file = new DwarfFile(dwarf, image);
      using info = new DebugInfo(dwarf, image);
      const ranges = [...codeRanges(file)];
      let inlined = 0;
      for (const [i, { start, end, frames }] of ranges.entries()) {
        assert(start < end, `${start} ${end}`);
        assert(i === 0 || ranges[i - 1]!.end <= start || ranges[i - 1]!.start > start, "overlap");
        for (const address of [start, end - 1]) assertEquals(frames, info.frames(address), String(address));
        if (frames.length > 2) inlined++;
      }
      assert(ranges.length > 500 && inlined > 100, `${ranges.length} ranges, ${inlined} of them inlined`);
      assert(
        ranges.some(({ frames }) => frames.some((f) => f.startLine === 9)),
        "no function begins at line 9",
      );
      const inside = (address: number) => ranges.some(({ start, end }) => start <= address && address < end);
      const last = Math.max(...ranges.map(({ end }) => end));
      for (let address = ranges[0]!.start; address < last; address += 7) {
        assertEquals(info.frames(address).some((f) => f.function !== "" || f.line > 0), inside(address));
      }
    },
  );
}
