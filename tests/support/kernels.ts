/**
 * Other kernels than this machine's: Debian's, booted in qemu with a file system of their own in memory.
 *
 * @module
 */

import { runProgram } from "./child.ts";
import { suiteOptions } from "./debian_suite.ts";
import { isFile, run } from "./programs.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** Lists what the guest has beside the agent, with all that these need in their turn. */
const LIBRARIES = ["libbpf.so.1", "libdw.so.1"];
const LOADER = "/lib64/ld-linux-x86-64.so.2";
/** Between what the guest's script says and what its kernel does. */
const MARK = "=== guest: ";

/** Small, and needs no other. */
const MODULE = "kernel/drivers/net/dummy.ko";

/** A kernel of Debian's. */
export interface DebianKernel {
  /** The path of its image. */
  readonly image: string;
  /** The path of its module `dummy`; newer packages have it compressed. */
  readonly module: string;
}

/**
 * Downloads the kernel that a package stands for, unless it is there.
 *
 * @param meta like `linux-image-amd64`
 * @param options.suite the suite of Debian that has it; @default {that of this machine}
 */
export async function debianKernel(meta: string, { suite }: { suite?: string } = {}): Promise<DebianKernel> {
  const cache = `${ROOT}.tools/kernels`;
  const options = suite === undefined ? [] : suiteOptions(suite);
  const depends = run("apt-cache", [...options, "depends", "--no-recommends", meta]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1] ?? meta;
  const known = kernelIn(`${cache}/${name}`, name.replace("linux-image-", ""));
  if (known) return known;
  const folder = await Deno.makeTempDir({ prefix: "aperture-kernel-" });
  try {
    run("chmod", ["755", folder]);
    run("apt-get", [...options, "download", "-q", name], { cwd: folder });
    const [file] = [...Deno.readDirSync(folder)].map(({ name }) => name);
    await Deno.mkdir(`${cache}/${name}`, { recursive: true });
    // All else of the package is other modules: some hundred megabytes.
    const wanted = `'./boot/vmlinuz-*' './lib/modules/*/${MODULE}*'`;
    const unpack = `dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" --wildcards ${wanted}`;
    run("sh", ["-c", unpack, `${folder}/${file}`, `${cache}/${name}`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const kernel = kernelIn(`${cache}/${name}`, name.replace("linux-image-", ""));
  if (!kernel) throw new Error(`Cannot find a kernel and its modules in the package ${name}`);
  return kernel;
}

function kernelIn(root: string, release: string): DebianKernel | undefined {
  const image = `${root}/boot/vmlinuz-${release}`;
  const module = ["", ".xz"].map((end) => `${root}/lib/modules/${release}/${MODULE}${end}`).find(isFile);
  return module !== undefined && isFile(image) ? { image, module } : undefined;
}

export interface GuestOptions {
  /** Is TypeScript, bundled with all that it imports; what it writes to standard output is returned. */
  readonly script: string;
  /** Other scripts, which are bundled and lie beside it, by name. */
  readonly scripts: Readonly<Record<string, string>>;
  /** Programs that the script may run, by their path in the guest. */
  readonly programs: Readonly<Record<string, string>>;
}

/** A file system for kernels to boot with, which runs a script; gone when it is disposed of. */
export class Guest implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async pack(options: GuestOptions): Promise<Guest> {
    const folder = await Deno.makeTempDir({ prefix: "aperture-guest-" });
    const root = `${folder}/root`;
    await fillRoot(root, options);
    run("sh", ["-c", `cd ${root} && find . | cpio -o -H newc --quiet > ${folder}/initrd`]);
    await Deno.remove(root, { recursive: true });
    return new Guest(folder);
  }

  /** Boots `kernel`, runs the script in it with `args`, and returns what that wrote. */
  async run({ image, module }: DebianKernel, args: readonly string[] = []): Promise<string> {
    const initrd = this.#withModule(module);
    // Without a network card and a screen, whose firmware takes seconds to find that it is not wanted.
    const qemu = ["qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-smp", "2", "-m", "3072", "-nodefaults"];
    const { stdout, stderr } = await runProgram("timeout", [
      ...[
        "300",
        ...qemu,
        "-nographic",
        "-serial",
        "stdio",
        "-no-reboot",
        "-kernel",
        image,
        "-initrd",
        initrd,
      ],
      ...["-append", `console=ttyS0 edd=off quiet panic=-1 rdinit=/init -- ${args.join(" ")}`],
    ]);
    // The firmware leaves no newline before the first.
    const lines = stdout.split(/\r?\n/).filter((line) => line.includes(MARK));
    if (lines.length === 0) throw new Error(`Cannot run in ${image}: ${stdout.slice(-4000)} ${stderr}`);
    return lines.map((line) => line.slice(line.indexOf(MARK) + MARK.length)).join("\n");
  }

  /** A file system may be several archives, one after another. */
  #withModule(module: string): string {
    const root = Deno.makeTempDirSync({ dir: this.#folder });
    Deno.mkdirSync(`${root}/bin`);
    const unpack = module.endsWith(".xz") ? "xz --decompress --stdout" : "cat";
    run("sh", ["-c", `${unpack} "$1" > "$2"`, "sh", module, `${root}/bin/dummy.ko`]);
    const archive =
      `cat "$1/initrd" > "$1/initrd-of" && cd "$2" && find . | cpio -o -H newc --quiet >> "$1/initrd-of"`;
    run("sh", ["-c", archive, "sh", this.#folder, root]);
    return `${this.#folder}/initrd-of`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function fillRoot(root: string, { script, scripts, programs }: GuestOptions): Promise<void> {
  // Where the agent looks for its objects from where its code is: ../../bpf/build.
  const code = `${root}/agent/guest`;
  for (const name of ["agent/guest", "bpf/build", "lib64", "lib", "bin", "proc", "sys", "dev", "tmp"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  for (const [name, path] of Object.entries({ "main.js": script, ...scripts })) {
    run(Deno.execPath(), ["bundle", "--quiet", "--output", `${code}/${name}`, path], { cwd: ROOT });
  }
  // What is read as a file is in no bundle.
  const wasm = new URL("index_bg.wasm", import.meta.resolve("gecko-profiler-demangle"));
  await Deno.mkdir(`${code}/demangle`);
  await Deno.copyFile(wasm, `${code}/demangle/index_bg.wasm`);
  const imports = { "gecko-profiler-demangle": "./demangle/index.js" };
  await Deno.writeTextFile(`${code}/deno.json`, JSON.stringify({ imports }));
  for (const { name } of Deno.readDirSync(`${ROOT}bpf/build`)) {
    if (name.endsWith(".o")) await Deno.copyFile(`${ROOT}bpf/build/${name}`, `${root}/bpf/build/${name}`);
  }
  await Deno.copyFile(Deno.execPath(), `${root}/bin/deno`);
  await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
  await Deno.copyFile(LOADER, `${root}${LOADER}`);
  for (const path of libraries()) await Deno.copyFile(path, `${root}/lib/${path.split("/").at(-1)}`);
  for (const [to, from] of Object.entries(programs)) await Deno.copyFile(from, `${root}${to}`);
  await Deno.writeTextFile(`${root}/init`, INIT, { mode: 0o755 });
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
