/**
 * `deno task aggregator`
 *
 * @module
 */

import { setupLog } from "../common/log.ts";
import { print, run, stopSignal, VERSION } from "../common/main.ts";
import { aggregatorHelp, readAggregatorConfig } from "./config.ts";
import { runAggregator } from "./run.ts";

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
  await setupLog(config.logLevel);
  return await runAggregator(config, stopSignal());
}

await run("aggregator", main);
