/**
 * Other kernels than this machine's: Debian's, booted in qemu with a file system of their own in memory.
 *
 * @module
 */

import { runProgram } from "./child.ts";
import { run } from "./programs.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** What the guest has beside the agent: found by the loader's list of this machine. */
const LIBRARIES = [
  "libbpf.so.1",
  "libelf.so.1",
  "libz.so.1",
  "libgcc_s.so.1",
  "libm.so.6",
  "libdl.so.2",
  "libpthread.so.0",
  "librt.so.1",
  "libc.so.6",
];
/** Between what the guest's script says and what its kernel does. */
const MARK = "=== guest: ";

/** Downloads the kernel that the package `meta` stands for, unless it is there; the path of its image. */
export async function debianKernel(meta: string): Promise<string> {
  const cache = `${ROOT}.tools/kernels`;
  const depends = run("apt-cache", ["depends", "--no-recommends", meta]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1] ?? meta;
  const image = `${cache}/${name}/boot/vmlinuz-${name.replace("linux-image-", "")}`;
  if (await Deno.stat(image).then(() => true, () => false)) return image;
  const folder = await Deno.makeTempDir({ prefix: "aperture-kernel-" });
  try {
    run("chmod", ["755", folder]);
    run("apt-get", ["download", "-q", name], { cwd: folder });
    const [file] = [...Deno.readDirSync(folder)].map(({ name }) => name);
    await Deno.mkdir(`${cache}/${name}`, { recursive: true });
    run("dpkg-deb", ["-x", `${folder}/${file}`, `${cache}/${name}`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return image;
}

export interface GuestOptions {
  /** Of TypeScript, bundled with all that it imports; what it writes to standard output is returned. */
  readonly script: string;
  /** Programs that the script may run, by their path in the guest. */
  readonly programs: Readonly<Record<string, string>>;
}

/** Boots `kernel`, runs the script in it, and returns what that wrote. */
export async function runInKernel(kernel: string, { script, programs }: GuestOptions): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-guest-" });
  try {
    const root = `${folder}/root`;
    await fillRoot(root, { script, programs });
    const initrd = `${folder}/initrd`;
    run("sh", ["-c", `cd ${root} && find . | cpio -o -H newc --quiet > ${initrd}`]);
    const args = [
      "-M",
      "q35",
      "-cpu",
      "max",
      "-smp",
      "2",
      "-m",
      "3072",
      "-nographic",
      "-no-reboot",
      "-kernel",
      kernel,
    ];
    const append = "console=ttyS0 quiet panic=-1 rdinit=/init";
    const { stdout, stderr } = await runProgram("timeout", [
      "240",
      "qemu-system-x86_64",
      ...args,
      "-initrd",
      initrd,
      "-append",
      append,
    ]);
    // The firmware leaves no newline before the first.
    const lines = stdout.split(/\r?\n/).filter((line) => line.includes(MARK));
    if (lines.length === 0) throw new Error(`Cannot run in ${kernel}: ${stdout.slice(-4000)} ${stderr}`);
    return lines.map((line) => line.slice(line.indexOf(MARK) + MARK.length)).join("\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function fillRoot(root: string, { script, programs }: GuestOptions): Promise<void> {
  // Where the agent looks for its objects from where its code is: ../../bpf/build.
  const bundle = `${root}/agent/guest/main.js`;
  for (const name of ["agent/guest", "bpf/build", "lib64", "lib", "bin", "proc", "sys", "dev", "tmp"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  run(Deno.execPath(), ["bundle", "--quiet", "--output", bundle, script], { cwd: ROOT });
  for (const { name } of Deno.readDirSync(`${ROOT}bpf/build`)) {
    if (name.endsWith(".o")) await Deno.copyFile(`${ROOT}bpf/build/${name}`, `${root}/bpf/build/${name}`);
  }
  await Deno.copyFile(Deno.execPath(), `${root}/bin/deno`);
  await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
  await Deno.copyFile("/lib64/ld-linux-x86-64.so.2", `${root}/lib64/ld-linux-x86-64.so.2`);
  const known = run("/sbin/ldconfig", ["-p"]);
  for (const library of LIBRARIES) {
    const path = new RegExp(`^\\s${RegExp.escape(library)} .*x86-64.* => (\\S+)$`, "m").exec(known)?.[1];
    if (path) await Deno.copyFile(path, `${root}/lib/${library}`);
  }
  for (const [to, from] of Object.entries(programs)) await Deno.copyFile(from, `${root}${to}`);
  await Deno.writeTextFile(`${root}/init`, INIT, { mode: 0o755 });
}

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp DENO_DIR=/tmp/deno LD_LIBRARY_PATH=/lib NO_COLOR=1
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tracefs none /sys/kernel/tracing
ip link set lo up
deno run --quiet --allow-all /agent/guest/main.js 2>&1 | sed 's/^/${MARK}/'
poweroff -f
`;
