// SPDX-License-Identifier: Apache-2.0
/**
 * The agent as a user that is not root, with a few capabilities.
 *
 * @module
 */

import { AGENT_BUNDLE, agentSources, sourceDigest } from "../../common/source_digest.ts";
import { neededModules } from "../../deploy/images/needed_modules.ts";
import { type Ran, runProgram } from "./child.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** Is the user id of nobody on the machine. */
const UID = "65532";

/**
 * Copies the agent, its modules and Deno to a folder that everyone may read, as in its image: the checkout and Deno's
 * cache may be root's alone.
 */
export async function installAgent(folder: string): Promise<void> {
  await Deno.chmod(folder, 0o755);
  const agent = `${folder}/aperture`;
  await Deno.mkdir(`${agent}/proto`, { recursive: true });
  await Deno.mkdir(`${agent}/bpf`);
  for (const part of ["agent", "common", "profile", "symbols", "proto/gen", "bpf/build", "third_party"]) {
    await copy(ROOT + part, `${agent}/${part}`);
  }
  const [config, lock] = await Promise.all(["deno.json", "deno.lock"].map(async (file) => {
    return JSON.parse(await Deno.readTextFile(ROOT + file));
  }));
  const packages = /needed_modules\.ts \\\n([^&]+)/.exec(
    await Deno.readTextFile(`${ROOT}Dockerfile.agent`),
  )![1]!;
  const needed = neededModules(config, lock, packages.split(/[\s\\]+/).filter(Boolean));
  await Deno.writeTextFile(`${agent}/deno.json`, JSON.stringify(needed.config));
  await Deno.writeTextFile(`${agent}/deno.lock`, JSON.stringify(needed.lock));
  // As its image has it: of these settings and packages, by the sources that are there.
  const stamp = `${agent}/${AGENT_BUNDLE}.sha256`;
  const [command] = (await Deno.readTextFile(stamp)).split(" ");
  await Deno.writeTextFile(stamp, `${command} ${sourceDigest(`${agent}/`, agentSources(`${agent}/`))}`);
  const { stdout } = await runProgram(Deno.execPath(), ["info", "--json"]);
  const { npmCache } = JSON.parse(stdout) as { npmCache: string };
  for (const registry of Deno.readDirSync(npmCache)) {
    for (const key of Object.keys(needed.lock.npm)) {
      const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key)!;
      const from = `${npmCache}/${registry.name}/${name}`;
      const to = `${folder}/deno-dir/npm/${registry.name}/${name}`;
      await Deno.mkdir(to, { recursive: true });
      await copy(`${from}/${version}`, `${to}/${version}`);
      // What was fetched by the lock alone has none.
      await copyIfThere(`${from}/registry.json`, `${to}/registry.json`);
    }
  }
  const lean = await runProgram(`${ROOT}deploy/images/lean_modules.sh`, [`${folder}/deno-dir`]);
  if (lean.code !== 0) throw new Error(lean.stderr);
  await Deno.copyFile(Deno.execPath(), `${folder}/deno`);
  // As its image is built: nobody may write there, so each run would compile all of the agent for itself.
  const warm = await runProgram(`${folder}/deno`, [...RUN, main(folder), "--version"], {
    env: environment(folder),
  });
  if (warm.code !== 0) throw new Error(warm.stderr);
}

const RUN = ["run", "--quiet", "--no-prompt", "--frozen", "--cached-only", "--allow-all"];

function main(folder: string): string {
  return `${folder}/aperture/agent/main.ts`;
}

function environment(folder: string): Record<string, string> {
  return { PATH: "/usr/bin:/bin", DENO_DIR: `${folder}/deno-dir`, NO_COLOR: "1" };
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await Deno.copyFile(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function copy(from: string, to: string): Promise<void> {
  const { code, stderr } = await runProgram("cp", ["--recursive", "--no-target-directory", from, to]);
  if (code !== 0) throw new Error(stderr);
}

/** Runs the agent of {@linkcode installAgent} with `capabilities`, such as `bpf`, and no others. */
export function runUnprivileged(
  folder: string,
  { capabilities, args, enter }: {
    capabilities: readonly string[];
    args: readonly string[];
    /** Returns the words of a command that runs others where the agent is to run. */
    enter: (...words: readonly string[]) => [string, ...string[]];
  },
): Promise<Ran> {
  const set = ["-all", ...capabilities.map((name) => `+${name}`)].join();
  const [program, ...words] = enter(
    "setpriv",
    `--reuid=${UID}`,
    `--regid=${UID}`,
    "--clear-groups",
    `--inh-caps=${set}`,
    `--ambient-caps=${set}`,
    `--bounding-set=${set}`,
    "--no-new-privs",
    `${folder}/deno`,
    ...RUN,
    main(folder),
    ...args,
  );
  return runProgram(program, words, { clearEnv: true, env: environment(folder), cwd: "/" });
}
