// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { makeBatch } from "../../tests/support/batches.ts";
import { seriesAt, totalOf } from "../model.ts";
import { Relabeller } from "./relabeller.ts";

Deno.test("Relabeller counts what it drops, takes over changed rules, and keeps what was for those that are wrong", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "- {action: drop, source_labels: [comm], regex: worker}");
    using relabeller = await Relabeller.open(path, { intervalMs: 3_600_000 });
    const batch = makeBatch();
    const workers = batch.samples.count.filter((_, i) =>
      seriesAt(batch, batch.samples.series[i]!).comm === "worker"
    );
    const rest = totalOf(relabeller.apply(batch, "n")).count;
    assertEquals(rest, totalOf(batch).count - workers.reduce((a, b) => a + b, 0));
    assertEquals(relabeller.dropped, workers.length);
    await Deno.writeTextFile(path, "- {target_label: service, replacement: x}");
    await relabeller.look();
    assertEquals(seriesAt(relabeller.apply(batch, "n"), 0).service, "x");
    await Deno.writeTextFile(path, "- {action: nonsense}");
    await relabeller.look();
    assertEquals([seriesAt(relabeller.apply(batch, "n"), 0).service, relabeller.dropped], [
      "x",
      workers.length,
    ]);
    await assertRejects(() => Relabeller.open(path), Error, "rule 1");
    await assertRejects(() => Relabeller.open(`${path}.none`), Error, "Cannot read the relabel rules");
  } finally {
    await Deno.remove(path);
  }
});
