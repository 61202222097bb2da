// SPDX-License-Identifier: Apache-2.0
/**
 * Tests that need something of the machine: they skip and say why where it is missing, and fail there
 * instead when `APERTURE_TEST_REQUIRE=all`. What is optional skips even then.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { runInThisContext } from "node:vm";
import { SERIAL_NEED } from "../../tasks/test/lanes.ts";
import { type Suite, SUITES, whyNoSuite } from "./debian_suite.ts";

/**
 * `bpf`: root on a kernel with BTF and BPF; `agent`: the same, for a test whose agent is in a pid namespace with what it
 * watches, so that what runs beside it is not its matter; `chdb`: the embedded engine's library;
 * `python3-grpcio`, `python3-prometheus-client`, `libc6-dbg`, `libabsl-dev`, `librust-tokio-dev`: Debian's packages of
 * gRPC's C core, of Prometheus's library, of libc's debug files, of Abseil and of the sources of tokio; `bullseye`,
 * `bookworm`, `trixie`: packages of that Debian, for its kernel; `jdk`: java, javac and jcmd; else a program on PATH.
 */
export type Need =
  | "bpf"
  | "agent"
  | "root"
  | "chdb"
  | "python3-grpcio"
  | "python3-prometheus-client"
  | "libc6-dbg"
  | "libabsl-dev"
  | "librust-tokio-dev"
  | Suite
  | "jdk"
  | (string & Record<never, never>);

/** Lists what `./dev` does not install, as it is large and few tests need it: a JDK takes 270 MB. */
const OPTIONAL: readonly Need[] = ["jdk"];

/**
 * Registers a test that runs only where all `needs` are there.
 *
 * @example
 * ```ts
 * testWith(["bpf", "perf"], "counts agree with perf record", async () => {});
 * ```
 */
export function testWith(
  needs: readonly Need[],
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
  options: Pick<Deno.TestDefinition, "sanitizeOps" | "sanitizeResources"> = {},
): void {
  const lane = Deno.env.get("APERTURE_TEST_LANE");
  if (lane === "parallel" && needs.includes(SERIAL_NEED)) {
    throw new Error(
      `Cannot run '${name}' beside other tests: its file must name ${needs} as strings, see needsOf()`,
    );
  }
  const missing = needs.filter((need) => whyMissing(need) !== undefined);
  if (missing.length === 0) return register({ name, fn, ...options });
  const why = missing.map(whyMissing).join(", ");
  const required = missing.some((need) => !OPTIONAL.includes(need));
  if (required && Deno.env.get("APERTURE_TEST_REQUIRE") === "all") {
    const fail = () => {
      throw new Error(`Cannot skip this test as APERTURE_TEST_REQUIRE=all: ${why}`);
    };
    return register({ name, fn: fail });
  }
  register({ name: `${name} (skipped: ${why})`, fn, ignore: true });
}

/**
 * Registers a test as if the caller of `testWith()` had done so: Deno takes the place of the call for that of the test,
 * in its messages and reports. The mark behind the file's name keeps Deno from translating the line, which is right,
 * once more.
 */
function register(test: Deno.TestDefinition): void {
  const [, , , caller] = new Error().stack!.split("\n");
  const [, file, line] = /(file:\S+):(\d+):\d+/.exec(caller!)!;
  const options = { filename: `${file}#`, lineOffset: Number(line) - 1 };
  runInThisContext("(test) => Deno.test(test)", options)(test);
}

/** Returns whether `need` is not there, for tests that look at several things at once. */
export function isMissing(need: Need): boolean {
  return whyMissing(need) !== undefined;
}

function whyMissing(need: Need): string | undefined {
  switch (need) {
    case "root":
      return Deno.uid() === 0 ? undefined : "not root";
    case "bpf":
    case "agent":
      return Deno.uid() !== 0
        ? "not root"
        : existsSync("/sys/kernel/btf/vmlinux")
        ? undefined
        : "no BTF in this kernel";
    case "chdb":
      return Deno.build.arch === "x86_64" && Deno.build.os === "linux"
        ? undefined
        : "no engine for this machine";
    case "python3-grpcio":
      return existsSync("/usr/lib/python3/dist-packages/grpc") ? undefined : "no python3-grpcio";
    case "jdk":
      return ["java", "javac", "jcmd"].every(onPath) ? undefined : "no JDK on PATH";
    case "python3-prometheus-client":
      return existsSync("/usr/lib/python3/dist-packages/prometheus_client")
        ? undefined
        : "no python3-prometheus-client";
    case "libc6-dbg":
    case "libabsl-dev":
    case "librust-tokio-dev":
      return existsSync(`/usr/share/doc/${need}`) ? undefined : `no ${need}`;
    default:
      if (SUITES.some((suite) => suite === need)) return whyNoSuite(need);
      return onPath(need) ? undefined : `no ${need} on PATH`;
  }
}

function onPath(program: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`));
}
