// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { testWith } from "../../tests/support/needs.ts";
import { CodeFiles } from "../elf/code_files.ts";
import { BpfObject } from "../libbpf/mod.ts";
import { ProcessTable, RENEW_MS } from "../metadata/processes.ts";
import { ProcessMappings } from "./mappings.ts";
import { UNWIND_OBJECT } from "./unwinder.ts";

testWith(
  ["bpf", "clang"],
  "ProcessMappings reads a process where it may have changed, and holds its files until it is gone",
  async () => {
    await build("bpf");
    using object = BpfObject.open(UNWIND_OBJECT);
    object.load();
    const maps = { mappings: object.map("unwind_mappings"), processes: object.map("unwind_processes") };
    const files = new CodeFiles();
    let now = 0;
    const clock = () => now;
    const processes = new ProcessTable({ clock });
    const tables = { isTableless: () => false };
    const mappings = new ProcessMappings(maps, { files, tables, processes, clock });
    const want = () => mappings.want(Deno.pid, { address: 0, window: 1 });

    assertEquals(want()?.[0]?.file.path, Deno.realPathSync(Deno.execPath()));
    const { mappings: mapped } = processes.get(Deno.pid)!;
    assertEquals(processes.stats.reads, 1);
    const ids = new Set(mapped.map((mapping) => {
      return files.of({ process: { folder: `/proc/${Deno.pid}` }, mapping })?.id;
    }));
    ids.delete(undefined);
    assertEquals(new Set<number | undefined>(mappings.fileIds()), ids);
    assert(ids.size > 1 && mappings.stats.prefixes >= ids.size);

    // What is looked for in vain is looked for less and less often, until the process is due to be read anyway.
    while (mappings.want(Deno.pid, { address: 0, window: 1 }) !== undefined);
    const { reads } = processes.stats;
    assertEquals(want(), undefined);
    assertEquals(processes.stats.reads, reads);
    processes.endWindow();
    processes.get(Deno.pid);
    mappings.endWindow(1);
    assertEquals(processes.stats.reads, reads);
    now += RENEW_MS + 1;
    mappings.endWindow(1);
    assertEquals(processes.stats.reads, reads + 1);

    // As the kernel side does when a process ends.
    maps.processes.delete(Uint32Array.of(Deno.pid));
    mappings.endWindow(1);
    assertEquals([[...mappings.fileIds()], mappings.stats.prefixes, mappings.stats.processes], [[], 0, 0]);
  },
);
