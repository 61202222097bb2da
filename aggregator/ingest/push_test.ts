// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { eventCount, seriesAt } from "../../profile/model.ts";
import { relabelProfile } from "../../profile/relabel/relabel_profile.ts";
import { parseRules } from "../../profile/relabel/rules.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { StagingBuffer } from "../buffer/staging_buffer.ts";
import { push } from "./push.ts";

Deno.test("push() stages what relabel rules make of a batch, and the bytes themselves where there are none", async () => {
  await using buffer = await StagingBuffer.open();
  const rules = parseRules(
    "[{action: drop, source_labels: [comm], regex: worker}, {action: labeldrop, regex: exe}]",
  );
  const relabeller = {
    rules,
    apply: (profile: Parameters<typeof relabelProfile>[0], node: string) =>
      relabelProfile(profile, node, rules).profile,
  };
  const [first, second] = [1, 2].map((sequence) => writeBatch(makeBatch({ sequence })));
  await push(first!, { buffer, relabeller });
  await push(second!, { buffer });
  const { batches } = (await buffer.takeGroup())!;
  const [made, plain] = batches.map(({ bytes }) => readBatch(bytes));
  assertEquals([made!.sequence, made!.agentId, eventCount(made!) < eventCount(plain!)], [1, "agent-1", true]);
  const comms = Array.from(made!.series.pid, (_, row) => seriesAt(made!, row)).map((
    { comm, exe },
  ) => [comm, exe]);
  assertEquals(comms.map(([comm]) => comm).includes("worker"), false);
  assertEquals(comms.map(([, exe]) => exe), comms.map(() => ""));
  assertEquals(
    made!.samples.kind.length,
    plain!.samples.kind.filter((_, i) => seriesAt(plain!, plain!.samples.series[i]!).comm !== "worker")
      .length,
  );
  assertEquals([batches[1]!.bytes, (await push(first!, { buffer, relabeller })).duplicate], [second!, true]);
});
