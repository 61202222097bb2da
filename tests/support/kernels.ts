// SPDX-License-Identifier: Apache-2.0
/**
 * The kernels on which tests look at the agent and its programs, each booted in qemu with a file system of its own in
 * memory.
 *
 * As a program it boots the one whose version is its argument, and writes what the guest's script wrote.
 *
 * @module
 */

import { AGENT_BUNDLE, agentSources, READER_BUNDLE } from "../../common/source_digest.ts";
import { build } from "../../tasks/build.ts";
import { runProgram } from "./child.ts";
import { compileProgram } from "./compiled.ts";
import { debianKernel } from "./debian_kernel.ts";
import type { Suite } from "./debian_suite.ts";
import { type GuestOptions, makeInitramfs, MARK } from "./initramfs.ts";
import { TempFolder } from "./programs.ts";
import { compileUnwind } from "./unwind_programs.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const GUESTS = new URL("../guests/", import.meta.url).pathname;

export interface KernelVersion {
  readonly version: string;
  /** The suite of Debian that has it. */
  readonly suite: Suite;
  /** Is true when it tells of its own locks (5.19), and keeps what programs note of a thread with the thread (5.12). */
  readonly tellsLocks: boolean;
  readonly taskStorage: boolean;
  /** Is true when it runs the whole agent, too, whose start takes an emulated machine half a minute. */
  readonly runsAgent: boolean;
}

const OLDEST = { tellsLocks: false, taskStorage: false, runsAgent: true };
const NEWER = { tellsLocks: true, taskStorage: true, runsAgent: false };
export const KERNELS: readonly KernelVersion[] = [
  { version: "5.10", suite: "bullseye", ...OLDEST },
  { version: "6.1", suite: "bookworm", ...NEWER },
  { version: "6.12", suite: "trixie", ...NEWER },
];

/** Compiles the program with a deep stack of known functions, as the guest has it. */
export async function compileChain(): Promise<{ path: string } & Disposable> {
  return await compileUnwind("chain.c", { flags: ["-static", "-no-pie"] });
}

async function guestOptions(folder: string): Promise<GuestOptions> {
  await build("bpf");
  await build("agent");
  using chain = await compileChain();
  await Deno.copyFile(chain.path, `${folder}/chain`);
  const programs: Record<string, string> = { "/bin/chain": `${folder}/chain` };
  for (const name of ["locks", "lock_holders", "kernel_locks", "syscalls", "answers"]) {
    programs[`/bin/${name}`] = await compileProgram(name, folder, ["-O2", "-pthread", "-static"]);
  }
  const bundles = { "agent.js": ROOT + AGENT_BUNDLE, "reader.js": ROOT + READER_BUNDLE };
  const own = ["tests/guests", "tests/support"].flatMap((folder) => {
    return [...Deno.readDirSync(ROOT + folder)].map(({ name }) => `${folder}/${name}`);
  });
  return { script: `${GUESTS}main.ts`, sources: [...agentSources(ROOT), ...own.sort()], bundles, programs };
}

/**
 * The emulator's own fault, mended in QEMU 8.1: a CPU runs the breakpoint of code that another CPU has patched since. No
 * program in the guest can cause this message.
 */
const EMULATOR_FAULT = /\bOops: int3: /;
const MAX_BOOTS = 3;

/** Boots a kernel, again where the emulator fails it, and returns what the guest's script wrote. */
async function boot({ suite, runsAgent }: KernelVersion): Promise<string> {
  using folder = new TempFolder();
  const kernel = await debianKernel(suite);
  const initramfs = await makeInitramfs(await guestOptions(folder.path), kernel);
  // Without a network card and a screen, whose firmware takes seconds to find that it is not wanted.
  const qemu = ["qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-smp", "2", "-m", "3072", "-nodefaults"];
  const args = [
    ...["600", ...qemu, "-nographic", "-serial", "stdio", "-no-reboot"],
    ...["-kernel", kernel.image, "-initrd", initramfs],
    // The kernel's check of its timer takes a machine that gets little of a CPU for a broken one.
    ...[
      "-append",
      `console=ttyS0 edd=off quiet no_timer_check panic=-1 rdinit=/init -- ${runsAgent ? "--agent" : ""}`,
    ],
  ];
  for (let boots = 1;; boots++) {
    const { stdout, stderr } = await runProgram("timeout", args);
    // The firmware leaves no newline before the first.
    const lines = stdout.split(/\r?\n/).filter((line) => line.includes(MARK));
    if (lines.length > 0) return lines.map((line) => line.slice(line.indexOf(MARK) + MARK.length)).join("\n");
    if (!EMULATOR_FAULT.test(stdout) || boots === MAX_BOOTS) {
      throw new Error(`Cannot run in ${kernel.image}: ${stdout.slice(-4000)} ${stderr}`);
    }
  }
}

async function main(version: string | undefined): Promise<void> {
  const kernel = KERNELS.find((kernel) => kernel.version === version);
  if (!kernel) throw new Error(`Cannot boot Linux ${version}: it is none of the known`);
  const output = new Blob([await boot(kernel)]);
  await output.stream().pipeTo(Deno.stdout.writable);
}

if (import.meta.main) await main(Deno.args[0]);
