// SPDX-License-Identifier: Apache-2.0
/**
 * Builds what is compiled, the BPF programs, the agent as one file and the page's script, where it is out of date.
 *
 * An output is up to date when the digests of the command and of its sources stand beside it, so that a copy
 * with other file times (a container image, a fresh clone) is not built again.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { AGENT_BUNDLE, agentSources, READER_BUNDLE, sourceDigest } from "../common/source_digest.ts";

const ROOT = new URL("..", import.meta.url).pathname;

interface Output {
  readonly name: string;
  readonly path: string;
  readonly sources: readonly string[];
  readonly command: readonly [string, ...string[]];
  /** Is done with what the command made. */
  readonly then?: readonly [string, ...string[]];
  /** Says what to do when the command is missing. */
  readonly remedy: string;
}

/**
 * Builds all outputs whose sources changed.
 *
 * @param only the outputs' kind: `bpf`, `agent` or `ui`; all when left out
 * @throws {Error} with the compiler's words when it fails
 */
export async function build(only?: string): Promise<void> {
  if (only === undefined || only === "bpf") {
    for (const output of bpfOutputs()) await make(output);
  }
  if (only === undefined || only === "agent") {
    for (const output of agentOutputs()) await make(output);
  }
  if (only === undefined || only === "ui") {
    for (const output of uiOutputs()) await make(output);
  }
}

/** The architectures that `bpf/arch/` has, as libbpf's headers name them. */
export const BPF_ARCHES = ["x86", "arm64"] as const;
export type BpfArch = (typeof BPF_ARCHES)[number];

/**
 * Makes the command that compiles a BPF program, to be run from the root of the repository. -g keeps BTF, which CO-RE
 * needs; the machine's own headers are left out but for libbpf's.
 */
export function bpfCommand(source: string, { object, arch = hostArch(), include = "bpf" }: {
  /** The path of what is written. */
  object: string;
  /** @default the machine's own */
  arch?: BpfArch;
  /** The path of the folder of the headers. @default {"bpf"} */
  include?: string;
}): [string, ...string[]] {
  const flags = ["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-mcpu=v2", "-target", "bpf"];
  return ["clang", ...flags, `-D__TARGET_ARCH_${arch}`, `-I${include}`, "-c", source, "-o", object];
}

function hostArch(): BpfArch {
  return Deno.build.arch === "aarch64" ? "arm64" : "x86";
}

/** Lists the sources of BPF objects, as paths from the root. */
export function bpfSources(): string[] {
  return files("bpf").filter((path) => path.endsWith(".bpf.c"));
}

/** Lists the headers that they may include, as paths from the root. */
export function bpfHeaders(): string[] {
  return [...files("bpf"), ...files("bpf/arch")].filter((path) => path.endsWith(".h"));
}

function bpfOutputs(): Output[] {
  const headers = bpfHeaders();
  return bpfSources().map((source) => {
    const path = source.replace("bpf/", "bpf/build/").replace(/\.c$/, ".o");
    return {
      name: source,
      path,
      sources: [source, ...headers],
      command: bpfCommand(source, { object: path }),
      remedy: "apt-get install clang libbpf-dev",
    };
  });
}

/** The page is built of these: itself, the worker that searches, and how it looks. */
const PAGE_PARTS = [
  ["the page", "app.ts", "app.js"],
  ["the page's search", "flame/search_worker.ts", "search_worker.js"],
  ["the page's looks", "app.css", "app.css"],
] as const;

function uiOutputs(): Output[] {
  const folders = [
    "aggregator/ui",
    ...subfolders("aggregator/ui").filter((folder) => folder !== "aggregator/ui/build"),
  ];
  const sources = [...folders, "profile"].flatMap(files)
    .filter((path) => !path.endsWith("_test.ts"));
  return PAGE_PARTS.map(([name, script, file]) => uiOutput(name, { script, file, sources }));
}

function uiOutput(
  name: string,
  { script, file, sources }: { script: string; file: string; sources: readonly string[] },
): Output {
  const path = `aggregator/ui/build/${file}`;
  return {
    name,
    path,
    sources: [...sources, "deno.lock", MINIFY],
    command: bundleCommand(`aggregator/ui/${script}`, { platform: "browser", path }),
    ...(script.endsWith(".ts") && { then: minifyCommand(path) }),
    remedy: "",
  };
}

/** The agent, and what reads debug information for it. */
function agentOutputs(): Output[] {
  const sources = agentSources(ROOT);
  const scripts = [
    ["the agent", "agent/main.ts", AGENT_BUNDLE],
    ["the agent's reader", "agent/symbols/debug/dwarf/reader.ts", READER_BUNDLE],
  ] as const;
  return scripts.map(([name, script, path]) => ({
    ...{ name, path, sources },
    command: bundleCommand(script, { platform: "deno", path }),
    remedy: "",
  }));
}

const MINIFY = "tasks/minify.ts";

function minifyCommand(path: string): [string, ...string[]] {
  // The minifier looks at variables of the environment; which they are is its own.
  const may = [`--allow-read=${path}`, `--allow-write=${path}`, "--allow-env"];
  return [Deno.execPath(), "run", "--quiet", "--frozen", "--no-prompt", ...may, MINIFY, path];
}

function bundleCommand(
  script: string,
  { platform, path }: { platform: "browser" | "deno"; path: string },
): Output["command"] {
  return [
    ...[
      Deno.execPath(),
      "bundle",
      "--quiet",
      `--platform=${platform}`,
      "--minify",
      "--output",
      path,
    ] as const,
    script,
  ];
}

/** Returns the folders directly below `folder`, sorted, as paths from the root. */
function subfolders(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].filter((e) => e.isDirectory).map((e) => `${folder}/${e.name}`)
    .sort();
}

/** Returns the files directly below `folder`, sorted, as paths from the root. */
function files(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].filter((e) => e.isFile).map((e) => `${folder}/${e.name}`)
    .sort();
}

async function make({ name, path, sources, command, then, remedy }: Output): Promise<void> {
  const all = [command, ...(then ? [then] : [])];
  const ofCommand = createHash("sha256").update(JSON.stringify(all.map(([, ...args]) => args))).digest("hex");
  const digest = `${ofCommand} ${sourceDigest(ROOT, sources)}`;
  const stamp = `${ROOT}${path}.sha256`;
  if (existsSync(ROOT + path) && await Deno.readTextFile(stamp).catch(() => "") === digest) return;
  await Deno.stderr.write(new TextEncoder().encode(`building ${name}\n`));
  await Deno.mkdir(`${ROOT}${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
  for (const each of all) await run(each, { name, remedy });
  await Deno.writeTextFile(stamp, digest);
}

async function run(
  [program, ...args]: readonly [string, ...string[]],
  { name, remedy }: Pick<Output, "name" | "remedy">,
): Promise<void> {
  const { success } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdout: "inherit",
    stderr: "inherit",
  })
    .output().catch((error) => {
      if (error instanceof Deno.errors.NotFound) {
        throw new Error(`Cannot find ${program}: ${remedy}`, { cause: error });
      }
      throw error;
    });
  if (!success) throw new Error(`Cannot build ${name}: see the messages of ${program} above`);
}

if (import.meta.main) await build(Deno.args[0]);
