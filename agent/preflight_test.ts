// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../tests/support/needs.ts";
import { type Facts, gatherFacts, preflight, type PreflightOptions, warnings } from "./preflight.ts";

const ROOT_CAPABILITIES = 0x1ff_ffff_ffffn;

const GOOD: Facts = {
  kernelRelease: "6.1.0-18-amd64",
  hasBtf: true,
  capabilities: ROOT_CAPABILITIES,
  inInitialUserNamespace: true,
  lockdown: "none",
  lockedMemoryBytes: 65_536,
  perfEventParanoid: 2,
  libbpf: 1,
  missingObjects: [],
};

const ALL: PreflightOptions = { kinds: ["cpu", "lock", "syscall"], memoryBytes: 64 * 2 ** 20 };

/** Returns the one sentence that tells of `facts`. */
function problem(facts: Partial<Facts>, options: Partial<PreflightOptions> = {}): string {
  const problems = preflight({ ...GOOD, ...facts }, { ...ALL, ...options });
  assertEquals(problems.length, 1, Deno.inspect(problems));
  assert(!problems[0]!.includes("\n"));
  return problems[0]!;
}

function assertFine(facts: Partial<Facts>, options: Partial<PreflightOptions> = {}): void {
  assertEquals(preflight({ ...GOOD, ...facts }, { ...ALL, ...options }), []);
}

Deno.test("preflight() finds nothing to say of a machine that has all", () => {
  assertFine({});
});

Deno.test("warnings() says what will be missing without each right that is not a must", () => {
  assertEquals(warnings(GOOD), []);
  const bits = {
    CAP_DAC_READ_SEARCH: [1, 2],
    CAP_SYS_PTRACE: [19],
    CAP_SYSLOG: [34],
    CAP_CHECKPOINT_RESTORE: [21, 40],
  };
  for (const [name, those] of Object.entries(bits)) {
    const without = those.reduce((mask, bit) => mask & ~(1n << BigInt(bit)), ROOT_CAPABILITIES);
    const [warning, ...others] = warnings({ ...GOOD, capabilities: without });
    assertEquals(others, []);
    assertMatch(warning!, new RegExp(`^Fewer rights than useful: ${name} not held; .* no names$`));
    for (const bit of those) {
      assertEquals(warnings({ ...GOOD, capabilities: without | 1n << BigInt(bit) }), [], `bit ${bit}`);
    }
  }
});

Deno.test("preflight() refuses kernels before 5.10", () => {
  for (const kernelRelease of ["5.9.16", "4.19.0-26-amd64", "3.10.0-1160.el7.x86_64", "junk"]) {
    assertEquals(
      problem({ kernelRelease, lockedMemoryBytes: Infinity }),
      `Kernel too old (need 5.10+): this is ${kernelRelease}; run a newer kernel`,
    );
  }
  for (const kernelRelease of ["5.10.0", "5.15.0-91-generic", "6.1", "10.0.1"]) assertFine({ kernelRelease });
});

Deno.test("preflight() asks for BTF", () => {
  assertMatch(problem({ hasBtf: false }), /^Missing BTF of the kernel: .*CONFIG_DEBUG_INFO_BTF=y/);
});

Deno.test("preflight() asks for CAP_BPF and CAP_PERFMON, or for CAP_SYS_ADMIN in place of both", () => {
  const bpf = 1n << 39n;
  const perfmon = 1n << 38n;
  assertMatch(
    problem({ capabilities: 0n }),
    /^Insufficient privileges \(needs `privileged: true`\): CAP_BPF and CAP_PERFMON not held; run as root/,
  );
  assertMatch(problem({ capabilities: bpf }), /: CAP_PERFMON not held/);
  assertMatch(problem({ capabilities: perfmon }), /: CAP_BPF not held/);
  assertFine({ capabilities: bpf | perfmon });
  assertFine({ capabilities: 1n << 21n });
});

Deno.test("preflight() is not content with root of a user namespace", () => {
  assertMatch(problem({ inInitialUserNamespace: false }), /^Insufficient privileges .* rootless container$/);
});

Deno.test("preflight() names a lockdown that forbids to read the kernel", () => {
  assertMatch(problem({ lockdown: "confidentiality" }), /^Kernel locked down: .*lockdown=integrity/);
  assertFine({ lockdown: "integrity" });
});

Deno.test("preflight() asks for perf events where CPU time is sampled", () => {
  assertMatch(problem({ perfEventParanoid: undefined }), /^Missing perf events: .*CONFIG_PERF_EVENTS=y/);
  assertFine({ perfEventParanoid: undefined }, { kinds: ["syscall"] });
  assertFine({ perfEventParanoid: 4 });
});

Deno.test("preflight() asks for locked memory only where the kernel counts it and nobody may raise it", () => {
  const capabilities = 1n << 38n | 1n << 39n;
  const old = { kernelRelease: "5.10.0-28-amd64", capabilities };
  assertMatch(
    problem(old),
    /^Locked memory too small \(need 67108864 bytes before Linux 5.11\): the limit is 65536 bytes; .*ulimit -l/,
  );
  assertFine({ ...old, lockedMemoryBytes: Infinity });
  assertFine({ ...old, lockedMemoryBytes: 64 * 2 ** 20 });
  assertFine({ ...old, capabilities: ROOT_CAPABILITIES });
  assertFine({ ...old, kernelRelease: "5.11.0" });
});

Deno.test("preflight() asks for libbpf 1", () => {
  assertMatch(problem({ libbpf: undefined }), /^Missing libbpf \(need 1\.0\+\): .*apt-get install libbpf1/);
  assertMatch(problem({ libbpf: 0 }), /^libbpf too old \(need 1\.0\+\): /);
});

Deno.test("preflight() asks for the BPF objects", () => {
  assertEquals(
    problem({ missingObjects: ["/opt/cpu.bpf.o"] }),
    "Missing BPF programs: /opt/cpu.bpf.o not there; build them with 'deno task bpf'",
  );
});

Deno.test("preflight() tells all that is missing, the cause first", () => {
  const problems = preflight({ ...GOOD, kernelRelease: "4.4.0", hasBtf: false, libbpf: undefined }, ALL);
  assertEquals(problems.map((text) => text.split(/[:(]/)[0]!.trim()), [
    "Kernel too old",
    "Missing BTF of the kernel",
    "Missing libbpf",
  ]);
});

Deno.test("gatherFacts() reads this machine", () => {
  const here = new URL(import.meta.url).pathname;
  const facts = gatherFacts([here, "/nowhere/cpu.bpf.o"]);
  assertMatch(facts.kernelRelease, /^\d+\.\d+/);
  assertEquals(facts.missingObjects, ["/nowhere/cpu.bpf.o"]);
  assert(facts.lockedMemoryBytes > 0);
  assertEquals(facts.capabilities > 0n, Deno.uid() === 0);
});

testWith(["bpf"], "preflight() lets CPU time be sampled where the tests can", () => {
  assertEquals(preflight(gatherFacts([]), { ...ALL, kinds: ["cpu"] }), []);
});

testWith(
  ["root", "setpriv", "unshare"],
  "gatherFacts() sees missing rights and user namespaces",
  async () => {
    const module = new URL("./preflight.ts", import.meta.url).href;
    const script = `import { gatherFacts, preflight } from "${module}";
    console.log(preflight(gatherFacts([]), { kinds: ["cpu"], memoryBytes: 1 })[0]);`;
    const run = async (command: string, args: string[]) => {
      const { stdout } = await new Deno.Command(command, {
        args: [...args, Deno.execPath(), "eval", "--quiet", "--ext=ts", script],
        cwd: new URL("..", import.meta.url).pathname,
      }).output();
      return new TextDecoder().decode(stdout);
    };
    assertMatch(
      await run("setpriv", ["--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all"]),
      /CAP_BPF and CAP_PERFMON not held/,
    );
    assertMatch(await run("unshare", ["--user", "--map-root-user"]), /root of a user namespace/);
  },
);
