// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { testWith } from "../../tests/support/needs.ts";
import { BpfObject } from "../libbpf/mod.ts";
import type { Interpreter } from "../python/interpreter.ts";
import { layoutOf } from "../python/layouts.ts";
import { CPU_OBJECT } from "./cpu.ts";
import { PythonProcesses } from "./python_processes.ts";

const { frames, objects } = layoutOf({ read: () => undefined }, { version: 0x030b02f0, runtime: 1 })!;

function interpreter(holder: number): Interpreter {
  return {
    holder,
    interpreters: 2 ** 46,
    sharesLock: true,
    frames,
    objects: { layout: objects, types: { code: 1, text: 2, bytes: 3 } },
  };
}

testWith(["bpf", "clang"], "PythonProcesses makes the map hold what is watched, up to its size", async () => {
  await build("bpf");
  using object = BpfObject.open(CPU_OBJECT);
  const map = object.map("python_processes");
  map.setMaxEntries(3);
  for (const name of ["unwind_rules", "unwind_chunks", "unwind_pages"]) object.map(name).setMaxEntries(1);
  object.load();
  const watched = () => {
    const holders: [pid: number, holder: bigint][] = [];
    for (let pid = 1; pid < 10; pid++) {
      const value = map.lookup(Uint32Array.of(pid));
      if (value) holders.push([pid, new DataView(value.buffer).getBigUint64(0, true)]);
    }
    return holders;
  };
  const processes = new PythonProcesses(map);
  processes.watch(new Map([[1, interpreter(100)], [2, interpreter(2 ** 47 - 8)]]));
  assertEquals(watched(), [[1, 100n], [2, 2n ** 47n - 8n]]);
  processes.watch(new Map([[2, interpreter(7)], [3, interpreter(8)]]));
  assertEquals(watched(), [[2, 7n], [3, 8n]]);
  processes.watch(new Map([4, 5, 6, 7].map((pid) => [pid, interpreter(pid)])));
  assertEquals(watched(), [[4, 4n], [5, 5n], [6, 6n]]);
  processes.watch(new Map());
  assertEquals(watched(), []);
});
