// SPDX-License-Identifier: Apache-2.0
/**
 * Asks a JVM to carry out a command, as `jcmd` does: by a socket that the JVM opens when it is asked to by a file and
 * SIGQUIT.
 *
 * Protocol: `attachListener_linux.cpp` of OpenJDK; the same from 8 on. The JVM looks for the file in its working folder
 * and has the socket in its `/tmp`, under its own number; both are reached through `/proc`, so that containers need
 * nothing.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { closeSync, constants, fchownSync, openSync } from "node:fs";
import type { Process } from "../metadata/processes.ts";

/** A JVM may take so long to open its socket, and to answer, in ms. */
const READY_MS = 5000;
const ANSWER_MS = 10_000;
const POLL_MS = 50;
const MAX_ANSWER = 65_536;
/** SIGQUIT's bit in masks of signals. */
const SIGQUIT_MASK = 1n << 2n;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Has what is used of a process. */
export type JavaProcess = Pick<Process, "pid" | "ownPid" | "folder">;

/**
 * Has the JVM `process` carry out a command of `jcmd`.
 *
 * @returns what it answered
 * @throws {Error} when it does not listen, refuses, or takes too long, and the signal's reason when that aborts
 */
export async function jcmd(process: JavaProcess, command: string, signal: AbortSignal): Promise<string> {
  const path = `${process.folder}/root/tmp/.java_pid${process.ownPid}`;
  if (!isSocket(path)) await askToListen(process, { path, signal });
  using connection = await Deno.connect({ transport: "unix", path });
  const { promise: given, reject: giveUp } = Promise.withResolvers<never>();
  const late = setTimeout(
    () => giveUp(new Error(`The JVM did not answer in ${ANSWER_MS} ms`)),
    ANSWER_MS,
  );
  const stop = () => giveUp(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    signal.throwIfAborted();
    const answer = await Promise.race([given, ask(connection, command)]);
    if (!answer.startsWith("0\n")) throw new Error(`The JVM refuses: ${answer.slice(0, 200)}`);
    return answer.slice(2);
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", stop);
  }
}

async function ask(connection: Deno.Conn, command: string): Promise<string> {
  await writeAll(connection, encoder.encode(`1\0jcmd\0${command}\0\0\0`));
  return await readAll(connection);
}

/**
 * Makes the JVM open its socket. A process that does not catch SIGQUIT (one with `-Xrs`, or that has just begun) would
 * end by it, so it is not asked.
 */
async function askToListen(
  { pid, ownPid, folder }: JavaProcess,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<void> {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync(`${folder}/status`))?.[1];
  if (caught === undefined || (BigInt(`0x${caught}`) & SIGQUIT_MASK) === 0n) {
    throw new Error("Cannot ask the JVM as it does not catch SIGQUIT");
  }
  using _mark = makeMark(`${folder}/cwd/.attach_pid${ownPid}`, () => Deno.statSync(folder));
  Deno.kill(pid, "SIGQUIT");
  const until = performance.now() + READY_MS;
  while (!isSocket(path)) {
    if (performance.now() > until) {
      throw new Error(`Cannot ask the JVM as it did not listen in ${READY_MS} ms`);
    }
    await delay(POLL_MS, { signal });
  }
}

/**
 * Makes an empty file, which goes when it is disposed of. It is that owner's, as JVMs want it of who asks them. The folder
 * is the process's own, which may put anything in the file's place as soon as that is there: so the owner is set of what
 * is open, and never of what has the name by then.
 *
 * @param ownerOf returns whose it is to be; called when the file is there
 * @throws {Error} when there is something of that name, or it cannot be made
 */
export function makeMark(path: string, ownerOf: () => Pick<Deno.FileInfo, "uid" | "gid">): Disposable {
  using undo = new DisposableStack();
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  undo.defer(() => {
    try {
      Deno.removeSync(path);
    } catch {
      // The process, and its folder with it, is gone.
    }
  });
  try {
    const { uid, gid } = ownerOf();
    fchownSync(fd, uid!, gid!);
  } finally {
    closeSync(fd);
  }
  return undo.move();
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function readAll(connection: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(MAX_ANSWER);
  let length = 0;
  while (length < bytes.length) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return decoder.decode(bytes.subarray(0, length));
}

/** Tells whether a socket has that name; a link, which another user may have put there, is none. */
function isSocket(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSocket === true;
  } catch {
    return false;
  }
}
