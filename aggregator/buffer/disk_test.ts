// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async/delay";
import { DatabaseSync } from "node:sqlite";
import { batchBytes, batchMeta } from "../../tests/support/staged.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { smallDisk } from "../../tests/support/small_disk.ts";
import { StagingBuffer } from "./staging_buffer.ts";
import { isDamaged } from "./store.ts";

/** Stages batches from `sequence` on until it fails; returns how many it took and why. */
async function stageUntilFull(
  buffer: StagingBuffer,
  sequence: number,
): Promise<{ staged: number[]; error: string }> {
  const staged: number[] = [];
  for (;; sequence++) {
    try {
      await buffer.stage(batchBytes(sequence), batchMeta({ sequence }));
      staged.push(sequence);
    } catch (error) {
      return { staged, error: (error as Error).message };
    }
  }
}

/** The sequences of all that is in the buffer, which is empty then. */
async function drain(buffer: StagingBuffer): Promise<number[]> {
  const sequences: number[] = [];
  for (let group; (group = await buffer.takeGroup({ maxBatches: 7 }));) {
    for (const { head, bytes } of group.batches) {
      assertEquals(bytes, batchBytes(head.sequence));
      sequences.push(head.sequence);
    }
    await buffer.complete(group);
  }
  return sequences;
}

testWith(
  ["root"],
  "StagingBuffer on a full disk is emptied, in the same life or the next, and takes batches again",
  async () => {
    using disk = smallDisk("64m");
    const path = `${disk.path}/staging.kv`;
    let sequence = 1;
    for (const restarted of [false, true]) {
      let buffer = await StagingBuffer.open({ path, capacityBytes: 2 ** 30 });
      const { staged, error } = await stageUntilFull(buffer, sequence);
      assertEquals(error, "database or disk is full");
      assertGreater(staged.length, 20);
      sequence += staged.length;
      // Whoever writes there takes what is left.
      await disk.fill();
      if (restarted) {
        await buffer[Symbol.asyncDispose]();
        buffer = await StagingBuffer.open({ path, capacityBytes: 2 ** 30 });
      }
      assertEquals(await drain(buffer), staged);
      // Where emptying took so long that the reserve was kept again meanwhile, the file has room for it.
      await buffer.stage(batchBytes(sequence), batchMeta({ sequence })).catch(() => {});
      // What it needs no more is given back, for the reserve.
      await disk.clear();
      for (let tries = 0; tries < 1200 && buffer.failure; tries++) {
        await buffer.stage(batchBytes(sequence), batchMeta({ sequence })).catch(() => delay(50));
      }
      assertEquals(await buffer.stage(batchBytes(sequence), batchMeta({ sequence })), "duplicate");
      assertEquals(
        await buffer.stage(batchBytes(staged[0]!), batchMeta({ sequence: staged[0]! })),
        "duplicate",
      );
      assertEquals(await drain(buffer), [sequence++]);
      await buffer[Symbol.asyncDispose]();
    }
  },
);

testWith(["root"], "StagingBuffer.recheck() finds that there is room again, without a batch", async () => {
  using disk = smallDisk("64m");
  const path = `${disk.path}/staging.kv`;
  {
    await using buffer = await StagingBuffer.open({ path });
    await disk.fill();
    const { staged } = await stageUntilFull(buffer, 1);
    await buffer.recheck();
    assert(buffer.failure);
    await disk.clear();
    while (buffer.failure) await delay(20).then(() => buffer.recheck());
    assertEquals(buffer.staged, staged.length);
    const sequence = staged.length + 1;
    assertEquals(await buffer.stage(batchBytes(sequence), batchMeta({ sequence })), "staged");
    assertEquals(await drain(buffer), [...staged, sequence]);
  }
  // Nothing is left of what it tried.
  using kv = await openKv(path);
  const keys = await Array.fromAsync(kv.kv.list({ prefix: [] }), ({ key }) => key[0]);
  assertEquals(new Set(keys), new Set(["aggregator", "seen"]));
});

type Damage = (file: Deno.FsFile, size: number) => void;

async function damageFile(path: string, damage: Damage, { open = false } = {}): Promise<void> {
  // Deno KV returns from closing before SQLite has moved its log into the file.
  while (!open && await Deno.stat(`${path}-wal`).then(() => true, () => false)) await delay(5);
  using file = await Deno.open(path, { read: true, write: true });
  damage(file, file.statSync().size);
}

const DAMAGES: readonly (readonly [what: string, damage: Damage])[] = [
  ["its head is overwritten", (file) => file.writeSync(new Uint8Array(4096).fill(0xa5))],
  ["its middle is overwritten", (file, size) => {
    file.seekSync(Math.floor(size / 3), Deno.SeekMode.Start);
    file.writeSync(new Uint8Array(Math.floor(size / 5)).fill(0xa5));
  }],
  ["its first pages are overwritten", (file) => {
    file.seekSync(4096, Deno.SeekMode.Start);
    file.writeSync(new Uint8Array(20 * 4096).fill(0xa5));
  }],
  ["it is cut in half", (file, size) => file.truncateSync(Math.floor(size / 2))],
  ["it is empty", (file) => file.truncateSync()],
];

for (const [what, damage] of DAMAGES) {
  for (
    const when of ["while nobody has it open", "while it is open", "while its batches are in memory, too"]
  ) {
    const open = when !== "while nobody has it open";
    Deno.test(`StagingBuffer goes on when its file is damaged ${when}: ${what}`, async () => {
      using folder = new TempFolder();
      const path = `${folder.path}/staging.kv`;
      let buffer = await StagingBuffer.open({ path });
      let lost = 0;
      const watch = () => buffer.onLost = (batches) => lost += batches;
      watch();
      const sequences = Array.from({ length: 40 }, (_, i) => i + 1);
      for (const sequence of sequences) await buffer.stage(batchBytes(sequence), batchMeta({ sequence }));
      const reopen = async () => {
        buffer = await StagingBuffer.open({ path });
        watch();
      };
      if (!when.includes("memory")) await buffer[Symbol.asyncDispose]();
      if (when === "while it is open") await reopen();
      await damageFile(path, damage, { open });
      if (!open) await reopen();
      const stored: number[] = [];
      let unreadable = 0;
      // The first accesses find the damage.
      for (let tries = 0; tries < 5; tries++) {
        try {
          for (let group; (group = await buffer.takeGroup());) {
            for (const { head, bytes } of group.batches) {
              // What is handed out is what was staged, or nothing.
              if (bytes.length === 0) unreadable++;
              else {
                assertEquals(bytes, batchBytes(head.sequence));
                stored.push(head.sequence);
              }
            }
            await buffer.complete(group);
          }
          break;
        } catch (error) {
          assert(isDamaged(error) || (error as Error).message.includes("closed"), `${error}`);
        }
      }
      assertEquals(new Set(stored).size, stored.length);
      if (open) assertEquals(stored.length + unreadable + lost, sequences.length);
      assertEquals(await buffer.stage(batchBytes(99), batchMeta({ sequence: 99 })), "staged");
      assertEquals(await drain(buffer), [99]);
      await buffer[Symbol.asyncDispose]();
    });
  }
}

Deno.test("StagingBuffer keeps all of a file whose first page is damaged", async () => {
  using folder = new TempFolder();
  const path = `${folder.path}/staging.kv`;
  {
    await using buffer = await StagingBuffer.open({ path });
    for (let sequence = 1; sequence <= 63; sequence++) {
      await buffer.stage(batchBytes(sequence), batchMeta({ sequence }));
    }
  }
  await damageFile(path, (file) => file.writeSync(new Uint8Array(4096).fill(0xa5)));
  await using buffer = await StagingBuffer.open({ path });
  const readable: number[] = [];
  for (let group; (group = await buffer.takeGroup());) {
    for (const { head, bytes } of group.batches) {
      if (bytes.length === 0) continue;
      assertEquals(bytes, batchBytes(head.sequence));
      readable.push(head.sequence);
    }
    await buffer.complete(group);
  }
  assertEquals(readable.length, 63);
  // What was acknowledged is known.
  const [sequence] = readable;
  assertEquals(await buffer.stage(batchBytes(sequence!), batchMeta({ sequence: sequence! })), "duplicate");
});

Deno.test("StagingBuffer goes on without the rows that hold what was never written", async () => {
  using folder = new TempFolder();
  const path = `${folder.path}/staging.kv`;
  {
    await using buffer = await StagingBuffer.open({ path });
    for (let sequence = 1; sequence <= 9; sequence++) {
      await buffer.stage(batchBytes(sequence), batchMeta({ sequence }));
    }
  }
  while (await Deno.stat(`${path}-wal`).then(() => true, () => false)) await delay(5);
  const db = new DatabaseSync(path);
  const heads = db.prepare(
    "SELECT k FROM kv WHERE v_encoding = 1 AND instr(k, CAST('head' AS BLOB)) > 0 ORDER BY k",
  )
    .all() as { k: Uint8Array }[];
  assertEquals(heads.length, 9);
  const set = (columns: string, head: number) => {
    db.prepare(`UPDATE kv SET ${columns} WHERE k = ?`).run(heads[head]!.k);
  };
  set("v = x'a5a5a5a5'", 1);
  set("v = x''", 3);
  set("v_encoding = 165", 5);
  set("v_encoding = 2", 7);
  db.close();
  await using buffer = await StagingBuffer.open({ path });
  assertEquals(await drain(buffer), [1, 3, 5, 7, 9]);
});

Deno.test("StagingBuffer goes from memory to a file and back, and is the same", async () => {
  using folder = new TempFolder();
  const stage = (buffer: StagingBuffer, sequence: number) => {
    return buffer.stage(batchBytes(sequence), batchMeta({ sequence }));
  };
  let group;
  let name;
  {
    await using buffer = await StagingBuffer.open();
    for (let sequence = 1; sequence <= 20; sequence++) await stage(buffer, sequence);
    group = (await buffer.takeGroup({ maxBatches: 3 }))!;
    name = buffer.aggregatorId;
    using kv = await openKv(`${folder.path}/spill`);
    await buffer.copyTo(kv.kv);
  }
  await using buffer = await StagingBuffer.open();
  {
    using kv = await openKv(`${folder.path}/spill`);
    await buffer.copyFrom(kv.kv);
  }
  assertEquals(buffer.aggregatorId, name);
  assertEquals((await buffer.takeGroup())!.token, group.token);
  assertEquals(await stage(buffer, 20), "duplicate");
  assertEquals(await stage(buffer, 21), "staged");
  assertEquals((await drain(buffer)).length, 21);
});

async function openKv(path: string): Promise<{ kv: Deno.Kv } & Disposable> {
  const kv = await Deno.openKv(path);
  return { kv, [Symbol.dispose]: () => kv.close() };
}
