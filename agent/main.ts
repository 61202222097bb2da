// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task agent`
 *
 * @module
 */

import { setupLog } from "../common/log.ts";
import { print, run, stopSignal, userPath, VERSION } from "../common/main.ts";
import { checkPermissions, needsEverything } from "../common/permissions.ts";
import { agentHelp, readAgentConfig } from "./config.ts";
import { becomeProgram } from "./libbpf/mod.ts";
import { memoryLimit } from "../common/memory_limit.ts";
import { divideMemory } from "./memory/budget.ts";
import { currentBundle } from "./memory/bundle.ts";
import { boundArguments, ownArguments } from "./memory/relaunch.ts";
import { inClusterUrl } from "./metadata/kube/client.ts";
import { cacheFolder, defaultCacheFolder } from "../symbols/debuginfod/cache_folder.ts";

async function main(): Promise<number> {
  // Deno keeps /proc and /sys for programs that may do everything.
  checkPermissions(needsEverything("watch this machine"));
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
  const budget = divideMemory(config.memory, memoryLimit());
  const root = new URL("..", import.meta.url).pathname;
  const bound = boundArguments(ownArguments(), {
    heapBytes: budget.heapBytes,
    bundle: () => currentBundle(root),
  });
  if (bound) becomeProgram(Deno.execPath(), bound);
  const apiServer = inClusterUrl(
    Deno.env.get("KUBERNETES_SERVICE_HOST"),
    Deno.env.get("KUBERNETES_SERVICE_PORT"),
  );
  const folders = { home: Deno.env.get("HOME"), xdgCacheHome: Deno.env.get("XDG_CACHE_HOME") };
  const debugFiles = defaultCacheFolder(folders);
  const symbolFiles = `${cacheFolder(folders)}/aperture/symbols`;
  // Packages read files and the environment as they load, which is to be after the check.
  const { runAgent } = await import("./run.ts");
  const cwd = userPath(".");
  return await runAgent(config, {
    signal: stopSignal(),
    hostname: Deno.hostname(),
    apiServer,
    cwd,
    budget,
    debugFiles,
    symbolFiles,
  });
}

await run("agent", main);
