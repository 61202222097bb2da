// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { run, RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { testWith } from "../../tests/support/needs.ts";
import { allMappings } from "../metadata/data_mappings.ts";
import { DataPlaces } from "./data_places.ts";
import { Symboliser } from "./symboliser.ts";

const LIBRARY = `static long kept[4] = {1}; long *in_library(void) { return &kept[1]; }`;
const PROGRAM = `#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
long *in_library(void);
long set = 1;
static long zeroed[100];
static void *in_thread(void *at) { long local = 0; *(long **)at = &local; pause(); return 0; }
int main(void) {
  long local = 0;
  long *volatile of_thread = 0;
  pthread_t thread;
  pthread_create(&thread, 0, in_thread, (void *)&of_thread);
  while (!of_thread) usleep(1000);
  void *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  void *all[] = { &set, &zeroed[99], in_library(), malloc(8), malloc(1 << 20), &local, of_thread, shared, (void *)8 };
  for (int i = 0; i < 9; i++) printf("%lu ", (unsigned long)all[i]);
  puts("");
  fflush(stdout);
  pause();
}
`;

for (const kind of ["whole", "stripped", "not relocatable"]) {
  testWith(
    ["gcc", "strip"],
    `Symboliser.dataPlace() knows variables and kinds of memory: ${kind}`,
    async () => {
      using folder = new TempFolder();
      const at = (name: string) => `${folder.path}/${name}`;
      run("gcc", ["-shared", "-fPIC", folder.write("library.c", LIBRARY), "-o", at("liblibrary.so")]);
      const flags = kind === "not relocatable" ? ["-no-pie"] : [];
      const source = folder.write("program.c", PROGRAM);
      const library = ["-L.", "-llibrary", `-Wl,-rpath,${folder.path}`];
      run("gcc", ["-pthread", ...flags, source, "-o", at("program"), ...library], { cwd: folder.path });
      if (kind === "stripped") run("strip", [at("program")]);
      await using program = await RunningProgram.start(at("program"));
      await using symboliser = Symboliser.open({ coldMs: 60_000 });
      const places = program.firstLine.trim().split(" ").map((address) =>
        symboliser.dataPlace(program, Number(address))
      );
      const own = ["set", "zeroed"];
      for (const [i, name] of own.entries()) {
        const wanted = kind === "stripped" ? "program\\+0x[0-9a-f]+" : name;
        assertMatch(places[i]!, new RegExp(`^${wanted} in ${at("program")}$`));
      }
      assertEquals(places[2], `kept in ${at("liblibrary.so")}`);
      assertEquals(places.slice(3), ["heap", "heap", "stack", "stack", "shared memory", ""]);
      assertEquals(symboliser.dataPlace({ pid: 2 ** 30 }, 4096), "");
    },
  );
}

Deno.test("DataPlaces.of() is one of few texts, whatever the mappings of a process are", () => {
  const line = fc.tuple(
    fc.nat(20),
    fc.nat(20),
    fc.constantFrom("rw-p", "---p", "rw-s", "r-xp"),
    fc.constantFrom("", "[heap]", "[stack]", "/a b"),
  )
    .map(([start, pages, kind, path]) =>
      `${(start * 4096).toString(16)}-${
        ((start + pages) * 4096).toString(16)
      } ${kind} 00000000 00:00 0 ${path}`
    );
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string())), fc.nat(2 ** 18), (lines, address) => {
      using folder = new TempFolder();
      folder.write("maps", lines.join("\n"));
      const places = new DataPlaces({ find: () => undefined });
      const place = places.of({ folder: folder.path, mappings: [] }, address);
      assertEquals(["", "heap", "stack", "shared memory"].includes(place), true);
      const has = allMappings(lines.join("\n")).some(({ start, end }) => address >= start && address < end);
      assertEquals(!has && place !== "", false);
    }),
    { numRuns: 50 },
  );
});
