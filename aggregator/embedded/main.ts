// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the embedded engine as a program: `deno task clickhouse`, and the child of the aggregator.
 *
 * @module
 */

import { describeSettings, readSettings, UsageError } from "../../common/settings.ts";
import { setupLog } from "../../common/log.ts";
import { readHandshake, serveEngine } from "./serve.ts";
import { SETTINGS, USAGE } from "./settings.ts";

async function main(): Promise<number> {
  const values = readSettings(SETTINGS, Deno.args, Deno.env.toObject());
  if (values.help) {
    await Deno.stdout.write(new TextEncoder().encode(`${USAGE}\n${describeSettings(SETTINGS)}\n`));
    return 0;
  }
  await setupLog(values.logLevel);
  // The engine reads its time zone from here; all times in the tables are UTC.
  Deno.env.set("TZ", "UTC");
  const handshake = values.supervised ? await readHandshake(Deno.stdin) : undefined;
  await serveEngine({
    dataDir: values.dataDir,
    listen: values.listen,
    memoryBytes: values.memory,
    password: handshake?.password ?? values.password ?? "",
    ...(handshake && { parent: handshake.gone }),
  });
  return 0;
}

try {
  Deno.exit(await main());
} catch (error) {
  const text = error instanceof Error ? error.message : String(error);
  await Deno.stderr.write(new TextEncoder().encode(`${text}\n`));
  Deno.exit(error instanceof UsageError ? 2 : 1);
}
