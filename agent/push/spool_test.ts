// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { run } from "../../tests/support/programs.ts";
import { type DropReason, Spool } from "./spool.ts";

function bytesOf(id: number, size = 10): Uint8Array {
  return new Uint8Array(size).fill(id);
}

/** Returns the first byte of each batch, in the order in which they would be sent. */
function drain(spool: Spool): number[] {
  const ids: number[] = [];
  for (let held = spool.hold(); held; held = spool.hold()) {
    ids.push(held.bytes[0]!);
    spool.remove(held.entry);
  }
  return ids;
}

function withFolder(use: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function counter() {
  const drops: [DropReason, number][] = [];
  return { drops, onDrop: (reason: DropReason, samples: number) => void drops.push([reason, samples]) };
}

Deno.test("Spool drops the oldest when memory is full, but not what is being sent", () => {
  const { drops, onDrop } = counter();
  const spool = new Spool({ maxMemoryBytes: 30, onDrop });
  for (const id of [1, 2, 3]) spool.add(bytesOf(id), { samples: id });
  const { entry } = spool.hold()!;
  spool.add(bytesOf(4), { samples: 4 });
  assertEquals(drops, [["spool_full", 2]]);
  spool.remove(entry);
  assertEquals(drain(spool), [3, 4]);
  assertEquals([spool.length, spool.memoryBytes], [0, 0]);
});

Deno.test("Spool puts the oldest into files when memory is full, and they outlive it", () => {
  withFolder((directory) => {
    const { drops, onDrop } = counter();
    const first = new Spool({ maxMemoryBytes: 20, directory, onDrop });
    for (const id of [1, 2, 3, 4]) first.add(bytesOf(id), { samples: id });
    assertEquals([first.memoryBytes, first.diskBytes], [20, 20]);
    first.persist();
    assertEquals([first.memoryBytes, first.diskBytes], [0, 40]);
    const second = new Spool({ directory, maxDiskBytes: 30, onDrop });
    assertEquals(drops, [["spool_full", 1]]);
    second.add(bytesOf(5), { samples: 5 });
    assertEquals(drain(second), [2, 3, 4, 5]);
    assertEquals([...Deno.readDirSync(directory)], []);
  });
});

Deno.test("Spool counts and skips files that are damaged, and removes what was not finished", () => {
  withFolder((directory) => {
    const { drops, onDrop } = counter();
    const first = new Spool({ directory });
    for (const id of [1, 2, 3, 4]) first.add(bytesOf(id), { samples: id });
    first.persist();
    const [a, b, c] = [...Deno.readDirSync(directory)].map(({ name }) => `${directory}/${name}`).sort();
    Deno.truncateSync(a!, 20);
    const file = Deno.readFileSync(b!);
    file[file.length - 1]! ^= 1;
    Deno.writeFileSync(b!, file);
    Deno.truncateSync(c!, 3);
    Deno.writeTextFileSync(`${directory}/000000000009.batch.tmp`, "half");
    Deno.writeTextFileSync(`${directory}/notes.txt`, "not of the spool");
    assertEquals(drain(new Spool({ directory, onDrop })), [4]);
    assertEquals(drops, [["spool_corrupt", 0], ["spool_corrupt", 1], ["spool_corrupt", 2]]);
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), ["notes.txt"]);
  });
});

Deno.test("Spool takes no number of samples from a damaged file that is none", () => {
  for (const samples of [NaN, -1, 0.5, 1e300]) {
    withFolder((directory) => {
      const { drops, onDrop } = counter();
      const first = new Spool({ directory });
      first.add(bytesOf(1), { samples: 7 });
      first.persist();
      const [name] = [...Deno.readDirSync(directory)].map(({ name }) => `${directory}/${name}`);
      const file = Deno.readFileSync(name!);
      new DataView(file.buffer).setFloat64(8, samples);
      Deno.writeFileSync(name!, file);
      assertEquals(drain(new Spool({ directory, onDrop })), []);
      assertEquals(drops, [["spool_corrupt", 0]]);
    });
  }
});

Deno.test("Spool says what is wrong with its folder, and does without one that breaks", () => {
  assertThrows(() => new Spool({ directory: "/proc/aperture" }), Error, "Cannot use the spool's folder");
  withFolder((parent) => {
    const { drops, onDrop } = counter();
    const directory = `${parent}/spool`;
    const spool = new Spool({ maxMemoryBytes: 20, directory, onDrop });
    Deno.removeSync(directory, { recursive: true });
    for (const id of [1, 2, 3]) spool.add(bytesOf(id), { samples: id });
    assertEquals(drops, [["spool_full", 1]]);
    assertEquals(drain(spool), [2, 3]);
  });
});

Deno.test("Spool.replace() and Spool.postpone() keep the place, or give it up", () => {
  const spool = new Spool();
  for (const id of [1, 2, 3]) spool.add(bytesOf(id), { samples: id });
  spool.replace(spool.hold()!.entry, [{ bytes: bytesOf(8), samples: 1 }, { bytes: bytesOf(9), samples: 1 }]);
  spool.postpone(spool.hold()!.entry);
  assertEquals(drain(spool), [9, 2, 3, 8]);
});

Deno.test("Spool keeps within its bounds, in order, and what it has and what it dropped is all there was", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.constantFrom("send" as const, "fail" as const) },
    { weight: 1, arbitrary: fc.constant("restart" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, withDisk) => {
      withFolder((folder) => {
        const dropped: number[] = [];
        const options = {
          maxMemoryBytes: 100,
          maxDiskBytes: 150,
          ...(withDisk ? { directory: folder } : {}),
          onDrop: (_: DropReason, samples: number) => void dropped.push(samples),
        };
        let spool = new Spool(options);
        const sent: number[] = [];
        let added = 0;
        for (const s of steps) {
          if (typeof s === "object") spool.add(bytesOf(++added, s.add), { samples: added });
          else if (s === "restart") {
            if (!withDisk) continue;
            spool.persist();
            spool = new Spool(options);
          } else {
            const held = spool.hold();
            if (held && s === "send") {
              sent.push(held.bytes[0]!);
              spool.remove(held.entry);
            } else spool.release();
          }
          assert(spool.memoryBytes <= 100 && spool.diskBytes <= (withDisk ? 150 : 0));
        }
        sent.push(...drain(spool));
        assertEquals(sent, sent.toSorted((a, b) => a - b));
        assertEquals(dropped, dropped.toSorted((a, b) => a - b));
        assertEquals(
          [...sent, ...dropped].sort((a, b) => a - b),
          Array.from({ length: added }, (_, i) => i + 1),
        );
      });
    }),
    { numRuns: 60 },
  );
});

testWith(
  ["root", "mount"],
  "Spool leaves nothing of a batch that a full disk did not take, and takes others later",
  () => {
    withFolder((directory) => {
      run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]);
      try {
        const { drops, onDrop } = counter();
        const failures: unknown[] = [];
        const onWriteFailure = (cause: unknown) => void failures.push(cause);
        const spool = new Spool({ maxMemoryBytes: 0, directory, onDrop, onWriteFailure });
        spool.add(bytesOf(1, 30_000), { samples: 1 });
        spool.add(bytesOf(2, 60_000), { samples: 2 });
        assertEquals([drops, failures.length, spool.writeFailures], [[["spool_full", 2]], 1, 1]);
        assertEquals([...Deno.readDirSync(directory)].length, 1);
        assertEquals(drain(spool), [1]);
        spool.add(bytesOf(3, 60_000 - 16_384), { samples: 3 });
        assertEquals([spool.diskBytes, drain(spool)], [60_000 - 16_384, [3]]);
      } finally {
        run("umount", [directory]);
      }
    });
  },
);

testWith(
  ["root", "mount"],
  "Spool gives out and takes back what is on a disk that cannot be written to any more",
  () => {
    withFolder((directory) => {
      run("mount", ["-t", "tmpfs", "tmpfs", directory]);
      try {
        const { drops, onDrop } = counter();
        const spool = new Spool({ maxMemoryBytes: 20, directory, onDrop });
        for (const id of [1, 2, 3]) spool.add(bytesOf(id), { samples: id });
        run("mount", ["-o", "remount,ro", directory]);
        spool.add(bytesOf(4), { samples: 4 });
        // What memory has no room for is lost, the oldest in it first.
        assertEquals([drops, spool.writeFailures], [[["spool_full", 2]], 1]);
        assertEquals(drain(spool), [1, 3, 4]);
        assertEquals([spool.length, spool.diskBytes, spool.memoryBytes], [0, 0, 0]);
        assertThrows(() => new Spool({ directory }), Error, "Cannot use the spool's folder");
      } finally {
        run("umount", [directory]);
      }
    });
  },
);
