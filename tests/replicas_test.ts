// SPDX-License-Identifier: Apache-2.0
/** Two aggregators on one store write and answer at once, and either may be killed. */

import { assert, assertEquals } from "@std/assert";
import type { TopJson } from "../aggregator/http/answers.ts";
import { EmbeddedClickHouse } from "../aggregator/embedded/supervisor.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { RunningAggregator } from "../tasks/programs.ts";
import { makeBatch } from "./support/batches.ts";
import { pushOnce } from "./support/grpc_client.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";

const SAMPLES = 20;
/** Counts the samples of a batch. */
const COUNT = makeBatch({ samples: SAMPLES }).samples.count.reduce((sum, count) => sum + count, 0);

testWith(
  ["chdb"],
  "two aggregators on one store write and answer at once, and either may be killed",
  async () => {
    using folder = new TempFolder();
    await using cleanup = new AsyncDisposableStack();
    const engine = cleanup.use(await EmbeddedClickHouse.start({ dataDir: `${folder.path}/data` }));
    const start = async (name: string) =>
      cleanup.use(
        await RunningAggregator.start({
          args: [
            `--clickhouse-endpoint=${engine.url}`,
            `--buffer-path=${folder.path}/${name}.kv`,
            `--data-dir=${folder.path}/${name}`,
            "--flush-interval=50ms",
          ],
          env: { APERTURE_CLICKHOUSE_PASSWORD: engine.password },
          stderr: "null",
        }),
      );
    // Both make the tables.
    let [one, two] = await Promise.all([start("one"), start("two")]);

    const nowMs = Date.now();
    let pushed = 0;
    const push = async (to: RunningAggregator, agentId: string, sequences: readonly number[]) => {
      for (const sequence of sequences) {
        const endNs = BigInt(nowMs) * 1_000_000n;
        const window = { startNs: endNs - 10_000_000_000n, endNs };
        const bytes = writeBatch({
          ...makeBatch({ agentId, sequence, samples: SAMPLES }),
          node: agentId,
          ...window,
        });
        assertEquals((await pushOnce(new URL(to.grpc).host, bytes, {})).code, 0);
        pushed++;
      }
    };
    const range = `from=${Math.floor(nowMs / 1000) - 600}&to=${Math.ceil(nowMs / 1000) + 600}`;
    const top = async (of: RunningAggregator) => await of.json(`/api/top?${range}`) as TopJson;
    const counted = async (of: RunningAggregator) => {
      let answer = await top(of);
      while (answer.total.count < pushed * COUNT) answer = await top(of);
      return answer;
    };
    const same = (a: TopJson, b: TopJson) => assertEquals([a.rows, a.total], [b.rows, b.total]);

    await Promise.all([
      push(one, "agent-1", [1, 2, 3, 4]),
      push(two, "agent-2", [1, 2, 3, 4]),
      // They answer while both write.
      ...[one, two, one, two].map(top),
    ]);
    const all = await counted(one);
    assertEquals(all.total.count, pushed * COUNT);
    same(all, await counted(two));

    await Promise.all([push(one, "agent-1", [5, 6]), push(two, "agent-2", [5])]);
    await one.stop("SIGKILL");
    // The agent of the one that is gone comes here, also with what it does not know to be taken.
    await push(two, "agent-1", [7]);
    assert((await top(two)).total.count >= all.total.count);
    // What the killed one had acknowledged is in its buffer.
    one = await start("one");
    const after = await counted(one);
    same(after, await counted(two));
    assertEquals(after.total.count, 12 * COUNT);

    await two.stop("SIGKILL");
    await push(one, "agent-2", [6]);
    two = await start("two");
    same(await counted(one), await counted(two));
    assertEquals((await top(one)).total.count, 13 * COUNT);
  },
);
