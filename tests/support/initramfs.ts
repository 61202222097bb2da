// SPDX-License-Identifier: Apache-2.0
/**
 * File systems in memory for kernels to boot with, which run a script of TypeScript.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { sourceDigest } from "../../common/source_digest.ts";
import type { DebianKernel } from "./debian_kernel.ts";
import { cached } from "./cache.ts";
import { run, TempFolder } from "./programs.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** The guest has these beside the agent, with all that these need in their turn. */
const LIBRARIES = ["libbpf.so.1", "libdw.so.1"];
const LOADER = "/lib64/ld-linux-x86-64.so.2";
/** Stands before each line of the script's. */
export const MARK = "=== guest: ";

export interface GuestOptions {
  /** It is of TypeScript, bundled with all that it imports; its output goes to the console, each line behind `MARK`. */
  readonly script: string;
  /** Paths from the root of all that it imports of ours, and maybe more. */
  readonly sources: readonly string[];
  /** Scripts that are bundles already, which lie beside it, by name. */
  readonly bundles: Readonly<Record<string, string>>;
  /** Programs that the script may run, by their path in the guest. */
  readonly programs: Readonly<Record<string, string>>;
}

/** Files of the guest by their path there: each a path on this machine. */
type Files = ReadonlyMap<string, string>;

/**
 * Makes the image with which `kernel` boots, unless there is one of the same content already.
 *
 * @returns its path
 */
export async function makeInitramfs(options: GuestOptions, kernel: DebianKernel): Promise<string> {
  using folder = new TempFolder();
  const files = (await filesOf(folder, options)).set("/bin/dummy.ko", unpackedModule(folder, kernel.module));
  return await cached("initramfs", digestOf(files), (image) => {
    const root = `${folder.path}/root`;
    for (const name of ["proc", "sys", "dev", "tmp"]) Deno.mkdirSync(`${root}/${name}`, { recursive: true });
    for (const [to, from] of files) {
      Deno.mkdirSync(`${root}${to}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.copyFileSync(from, root + to);
    }
    run("sh", ["-c", `cd "$1" && find . | cpio -o -H newc --quiet > "$2"`, "sh", root, image]);
  });
}

/** Hashes what is small by its content, and Deno and the libraries by size and time. */
function digestOf(files: Files): string {
  const hash = createHash("sha256");
  for (const [to, from] of [...files].sort(([a], [b]) => a < b ? -1 : 1)) {
    const { size, mode, mtime } = Deno.statSync(from);
    hash.update(`${to} ${size} ${mode} `);
    hash.update(size > 2 ** 24 ? `${from} ${mtime?.getTime()}` : Deno.readFileSync(from));
  }
  return hash.digest("hex");
}

async function filesOf(
  folder: TempFolder,
  { script, sources, bundles, programs }: GuestOptions,
): Promise<Map<string, string>> {
  // Where the agent looks for its objects from where its code is: ../../bpf/build.
  const code = "/agent/guest";
  const files = new Map<string, string>();
  const key = createHash("sha256").update(`${Deno.version.deno} ${sourceDigest(ROOT, sources)}`).digest(
    "hex",
  );
  const main = await cached("bundles", `${key}.js`, (path) => {
    run(Deno.execPath(), ["bundle", "--quiet", "--minify", "--output", path, script], { cwd: ROOT });
  });
  files.set(`${code}/main.js`, main);
  for (const [name, path] of Object.entries(bundles)) files.set(`${code}/${name}`, path);
  // What is read as a file is in no bundle.
  const wasm = new URL("index_bg.wasm", import.meta.resolve("gecko-profiler-demangle"));
  files.set(`${code}/demangle/index_bg.wasm`, wasm.pathname);
  const imports = { "gecko-profiler-demangle": "./demangle/index.js" };
  files.set(`${code}/deno.json`, folder.write("deno.json", JSON.stringify({ imports })));
  for (const { name } of Deno.readDirSync(`${ROOT}bpf/build`)) {
    if (name.endsWith(".o")) files.set(`/bpf/build/${name}`, `${ROOT}bpf/build/${name}`);
  }
  files.set("/bin/deno", Deno.execPath()).set("/bin/busybox", "/bin/busybox").set(LOADER, LOADER);
  for (const path of libraries()) files.set(`/lib/${path.split("/").at(-1)}`, path);
  for (const [to, from] of Object.entries(programs)) files.set(to, from);
  const init = folder.write("init", INIT);
  Deno.chmodSync(init, 0o755);
  return files.set("/init", init);
}

function unpackedModule(folder: TempFolder, path: string): string {
  const unpack = path.endsWith(".xz") ? "xz --decompress --stdout" : "cat";
  const module = `${folder.path}/dummy.ko`;
  run("sh", ["-c", `${unpack} "$1" > "$2"`, "sh", path, module]);
  return module;
}

/** Paths of what Deno and the agent load, each with what it needs. */
function libraries(): Set<string> {
  const known = run("/sbin/ldconfig", ["-p"]);
  const paths = LIBRARIES.map((name) => {
    const path = new RegExp(`^\\s${RegExp.escape(name)} .*x86-64.* => (\\S+)$`, "m").exec(known)?.[1];
    if (path === undefined) throw new Error(`Cannot pack a guest: ${name} is not installed`);
    return path;
  });
  const needed = run("ldd", [Deno.execPath(), ...paths]).matchAll(/ => (\/\S+) \(/g);
  return new Set([...paths, ...needed.map(([, path]) => path!)]);
}

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp DENO_DIR=/tmp/deno LD_LIBRARY_PATH=/lib NO_COLOR=1
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tracefs none /sys/kernel/tracing
ip link set lo up
deno run --quiet --allow-all /agent/guest/main.js "$@" 2>&1 | sed 's/^/${MARK}/'
poweroff -f
`;
