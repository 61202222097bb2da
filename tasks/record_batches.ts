// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task record-batches`: keeps what the agent of this version pushes, as bytes, in `profile/wire/recorded`.
 *
 * Later versions read these bytes in a test. What they must find in them is the JSON beside, which the generated
 * decoder makes, not the reader that is tested. The batches are what the agent counted of one program; only the names
 * of this machine and its folders are replaced, and the agent's own writer writes them again.
 *
 * @module
 */

import { print, VERSION } from "../common/main.ts";
import { type Batch, rowCount } from "../profile/model.ts";
import { readBatch } from "../profile/wire/read_batch.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { PushRequest } from "../proto/gen/aperture/v1/aperture.ts";
import { compileProgram } from "../tests/support/compiled.ts";
import { Contender } from "../tests/support/contender.ts";
import { RECORDED, RECORDED_MODES } from "../tests/support/recorded_batches.ts";
import { until } from "../tests/support/until.ts";
import { columnsOf, wireJson, wireText } from "../tests/support/wire_columns.ts";
import { Program } from "./programs.ts";
import { PushRecorder } from "./pushed.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Returns the batch of most rows that the agent pushes while `tests/programs/all_kinds.c` works. */
async function record(mode: string, folder: string): Promise<Batch> {
  await using cleanup = new AsyncDisposableStack();
  const recorder = cleanup.use(await PushRecorder.start());
  const program = cleanup.use(await Contender.start(await compileProgram("all_kinds", folder)));
  cleanup.use(
    new Program("agent", [
      `--mode=${mode}`,
      `--pid=${program.pid}`,
      `--aggregator=${recorder.url}`,
      "--push-interval=1s",
      "--log-level=error",
    ]),
  );
  const pushed = (count: number) => until(() => recorder.requests.length >= count || undefined);
  await pushed(1);
  // The unwinder knows the program only some time after its first sample.
  for (let round = 0; round < 3; round++) {
    await program.contend();
    await pushed(recorder.requests.length + 1);
  }
  const batches = recorder.requests.map((bytes) => readBatch(bytes));
  return batches.reduce((most, batch) => rowCount(batch) > rowCount(most) ? batch : most);
}

/** Returns `batch` without the names of this machine. */
function neutral(batch: Batch, folder: string): Batch {
  const strings = batch.strings.map((text) =>
    text.replaceAll(`${folder}/`, "/usr/bin/").replaceAll(ROOT, "/usr/src/aperture/")
  );
  return { ...batch, strings, node: "node-1", agentId: "0123456789abcdef0123456789abcdef" };
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir();
  try {
    for (const mode of RECORDED_MODES) {
      const bytes = writeBatch(neutral(await record(mode, folder), folder));
      const file = `${VERSION}-${mode}`;
      await Deno.writeFile(new URL(`${file}.batch`, RECORDED), bytes);
      const wire = columnsOf(PushRequest.decode(bytes).batch!);
      await Deno.writeTextFile(new URL(`${file}.json`, RECORDED), wireText(wireJson(wire)));
      await print(Deno.stdout, `${file}.batch: ${bytes.length} bytes\n`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
