// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { gunzipSync } from "node:zlib";
import { Profile as PprofProfile } from "pprof-format";
import { anyProfile, demoFrame, demoProfile } from "../../tests/support/profiles.ts";
import { testWith } from "../../tests/support/needs.ts";
import { ProfileBuilder } from "../builder.ts";
import { withLockSamples } from "../idle.ts";
import { type Kind, KINDS, type Profile, totalOf } from "../model.ts";
import { pprofBytes, type PprofOptions } from "./pprof.ts";

async function goToolPprof(profile: Profile, options: PprofOptions, args: string[]): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/p.pb.gz`, await pprofBytes(profile, options));
    const { success, stdout, stderr } = await new Deno.Command("go", {
      args: ["tool", "pprof", ...args, `${folder}/p.pb.gz`],
      env: { PPROF_TMPDIR: folder },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

testWith(["go"], "pprofBytes() is read by go tool pprof with the same functions and totals", async () => {
  const top = await goToolPprof(demoProfile(), { kind: "cpu", durationNs: 1e9 }, ["-top"]);
  assertMatch(top, /Type: cpu\n/);
  assertMatch(top, /Duration: 1s, Total samples = 300ms \(30\.00%\)/);
  assertMatch(top, /\n +180ms 60\.00% 60\.00% +180ms 60\.00% +hot/);
  assertMatch(top, /\n +0 +0% +100% +300ms +100% +main/);
  const counts = await goToolPprof(demoProfile(), { kind: "cpu" }, ["-top", "-sample_index=samples"]);
  assertMatch(counts, /Showing nodes accounting for 30, 100% of 30 total/);
  const waits = await goToolPprof(withLockSamples(demoProfile()), { kind: "lock" }, ["-top"]);
  assertMatch(waits, /Type: delay\n[^]*Showing nodes accounting for 7s, 100% of 7s total/);
});

testWith(["go"], "pprofBytes() gives go tool pprof mappings, build ids, lines and labels", async () => {
  const options = {
    kind: "cpu",
    node: "n1",
    periodNs: 10_101_010,
    startNs: 1_700_000_000_000_000_000n,
  } as const;
  const raw = await goToolPprof(demoProfile(), options, ["-raw"]);
  assertStringIncludes(raw, "PeriodType: cpu nanoseconds\nPeriod: 10101010\n");
  assertStringIncludes(raw, "samples/count cpu/nanoseconds[dflt]");
  assertMatch(raw, / 18 +180000000: 1 2 /);
  const series = ["pid:[42]", "node:[n1]", "pod:[web-0]", "exe:[/bin/demo]"];
  for (const label of [...series, "process:[demo]", "thread:[demo]", "process:[[idle]]", "thread:[idle]"]) {
    assertStringIncludes(raw, label);
  }
  assertMatch(raw, /: 0x40 M=1 hot demo\.c:7/);
  assertMatch(raw, /0x1234567890 M=\d ksys_read/);
  assertMatch(raw, /\d: 0x0\/0x[0-9a-f]+\/0x0 \/usr\/lib\/libc\.so\.6 cd34 \[FN\]\[FL\]\[LN\]/);
});

testWith(["go"], "pprofBytes() keeps names that are hostile, and every kind's types", async () => {
  const builder = new ProfileBuilder();
  const hostile = `</script>";\\ ]]>日本 \u{1f525}`;
  for (const kind of KINDS) {
    builder.add(kind, builder.series({}), builder.stack([builder.frame(demoFrame(hostile))]), 2 ** 53 - 1, 1);
  }
  const types: Record<Kind, string> = { cpu: "cpu", lock: "delay", syscall: "latency" };
  for (const kind of KINDS) {
    const raw = await goToolPprof(builder.build(), { kind }, ["-raw"]);
    assertStringIncludes(raw, `${types[kind]}/nanoseconds[dflt]`);
    assertStringIncludes(raw, hostile);
    assertMatch(raw, / 1 9007199254740991: 1/);
  }
});

Deno.test("pprofBytes() refers only to what it holds, and keeps totals", async () => {
  await fc.assert(fc.asyncProperty(anyProfile, fc.constantFrom(...KINDS), async (profile, kind) => {
    const read = PprofProfile.decode(gunzipSync(await pprofBytes(profile, { kind })));
    const ids = (rows: { id: number | bigint }[]) => new Set(rows.map(({ id }) => Number(id)));
    const [locations, functions, mappings] = [ids(read.location), ids(read.function), ids(read.mapping)];
    const sum = [0, 0];
    for (const { locationId, value } of read.sample) {
      assert(locationId.every((id) => locations.has(Number(id))));
      value.forEach((v, i) => sum[i]! += Number(v));
    }
    for (const { mappingId, address, line } of read.location) {
      assert(mappings.has(Number(mappingId)) && line.every((l) => functions.has(Number(l.functionId))));
      const mapping = read.mapping.find(({ id }) => id === mappingId)!;
      assert(Number(address) < Number(mapping.memoryLimit) || Number(address) > 2 ** 53 - 8192);
    }
    const total = totalOf(profile, kind);
    assertEquals(sum, [total.count, total.value]);
  }));
});

testWith(["go"], "pprofBytes() of a type of others has one value, of that type", async () => {
  const kind = "memory:inuse_space:bytes:space:bytes";
  const builder = new ProfileBuilder();
  builder.add(
    kind,
    builder.series({ comm: "cart" }),
    builder.stack([builder.frame(demoFrame("alloc"))]),
    4096,
    1,
  );
  const text = await goToolPprof(builder.build(), { kind }, ["-raw"]);
  assertMatch(text, /PeriodType: space bytes/);
  assertMatch(text, /inuse_space\/bytes/);
  assertMatch(text, /^\s+4096:/m);
});
