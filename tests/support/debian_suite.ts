// SPDX-License-Identifier: Apache-2.0
/**
 * Packages of another suite of Debian than this machine's: from the same place, held to the same keys, with lists of
 * their own, so that nothing of this machine's apt changes.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { run } from "./programs.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** Comes with the package debian-archive-keyring: apt takes nothing that these keys did not sign. */
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Debian 11, 12 and 13. */
export const SUITES = ["bullseye", "bookworm", "trixie"] as const;
export type Suite = typeof SUITES[number];

/** Returns the suite of Debian that this machine has; `undefined` where it is no Debian. */
export function ownSuite(): string | undefined {
  return /^VERSION_CODENAME=(\w+)$/m.exec(Deno.readTextFileSync("/etc/os-release"))?.[1];
}

/**
 * Returns what apt's programs are told so that they know `suite` alone; nothing where that is this machine's. Its lists
 * are fetched once, 8 MB.
 *
 * @throws {Error} when this machine has no packages of Debian, or `suite` is not where they come from
 */
export function suiteOptions(suite: string): string[] {
  if (suite === ownSuite()) return [];
  const folder = `${ROOT}.tools/apt/${suite}`;
  const lists = `${folder}/lists`;
  const options = [
    `Dir::Etc::SourceList=${folder}/sources.list`,
    "Dir::Etc::SourceParts=/dev/null",
    "Dir::State::Status=/dev/null",
    `Dir::State::Lists=${lists}`,
    `Dir::Cache=${folder}/cache`,
    "APT::Update::Error-Mode=any",
  ].flatMap((option) => ["-o", option]);
  for (const part of ["lists/partial", "cache/archives/partial"]) {
    Deno.mkdirSync(`${folder}/${part}`, { recursive: true });
  }
  // Another process of the same run may be at it.
  using lock = Deno.openSync(`${folder}/lock`, { create: true, write: true });
  lock.lockSync(true);
  const fetched = `${folder}/fetched`;
  if (existsSync(fetched)) return options;
  const target = `[arch=amd64 lang=none target=Packages signed-by=${KEYRING}]`;
  Deno.writeTextFileSync(`${folder}/sources.list`, `deb ${target} ${repository()} ${suite} main\n`);
  run("apt-get", [...options, "update", "-q"]);
  Deno.writeTextFileSync(fetched, "");
  return options;
}

/** Returns why packages of `suite` cannot be had; `undefined` when they can. */
export function whyNoSuite(suite: string): string | undefined {
  try {
    suiteOptions(suite);
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    return `no suite ${suite} of Debian (${/E: (.*)/.exec(message)?.[1] ?? message})`;
  }
}

/** Returns where this machine has its own packages of Debian from. */
function repository(): string {
  const format = ["--format", "$(REPO_URI) $(COMPONENT)"];
  const [first] = run("apt-get", ["indextargets", ...format, "Created-By: Packages", "Label: Debian"])
    .split("\n");
  const [uri, component] = first!.split(" ");
  if (component !== "main") throw new Error("Cannot tell where packages come from: apt has none of Debian's");
  return uri!;
}
