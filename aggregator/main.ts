// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the aggregator: `deno task aggregator`.
 *
 * @module
 */

import { setupLog } from "../common/log.ts";
import { print, run, stopSignal, VERSION } from "../common/main.ts";
import { checkPermissions } from "../common/permissions.ts";
import { aggregatorHelp, readAggregatorConfig } from "./config.ts";
import { permissionsOf } from "./permissions.ts";

async function main(): Promise<number> {
  const config = readAggregatorConfig(Deno.args, Deno.env.toObject());
  if (config.help) {
    await print(Deno.stdout, aggregatorHelp());
    return 0;
  }
  if (config.version) {
    await print(Deno.stdout, `aperture aggregator ${VERSION}\n`);
    return 0;
  }
  checkPermissions(permissionsOf(config));
  await setupLog(config.logLevel);
  // Packages read files and the environment as they load, which is to be after the check.
  const { runAggregator } = await import("./run.ts");
  return await runAggregator(config, stopSignal());
}

await run("aggregator", main);
