/**
 * `deno task agent`
 *
 * @module
 */

import { setupLog } from "../cli/log.ts";
import { print, run, stopSignal, VERSION } from "../cli/main.ts";
import { agentHelp, readAgentConfig } from "./config.ts";
import { runAgent } from "./run.ts";

async function main(): Promise<number> {
  const config = readAgentConfig(Deno.args, Deno.env.toObject());
  if (config.help) {
    await print(Deno.stdout, agentHelp());
    return 0;
  }
  if (config.version) {
    await print(Deno.stdout, `aperture agent ${VERSION}\n`);
    return 0;
  }
  await setupLog(config.logLevel);
  return await runAgent(config, { signal: stopSignal(), hostname: Deno.hostname() });
}

await run("agent", main);
