// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FIELD_END, FIELD_START, openFieldStore } from "../../../tests/support/field_store.ts";
import { testAccess, testHandler, testOptions } from "../../../tests/support/http_handler.ts";
import { testWith } from "../../../tests/support/needs.ts";
import { createHandler } from "../../http/handler.ts";

testWith(["chdb", "go"], "go tool pprof fetches profiles, with a token in the address", async (t) => {
  await using store = await openFieldStore();
  const options = { queries: store.queries, access: testAccess("s3cret-1"), now: () => FIELD_END + 20_000 };
  const handler = createHandler(testOptions(options));
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => handler(request),
  );
  const { port } = server.addr;
  const folder = await Deno.makeTempDir();
  const pprof = async (path: string, ...args: string[]) => {
    const { success, stdout, stderr } = await new Deno.Command("go", {
      args: ["tool", "pprof", ...args, `http://me:s3cret-1@127.0.0.1:${port}${path}`],
      env: { PPROF_TMPDIR: folder, HOME: folder },
    }).output();
    const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
    return { success, out, error };
  };
  try {
    await t.step("profile: the last seconds of which all is there", async () => {
      const { out, error } = await pprof("", "-top", "-seconds=20");
      assertMatch(out, /File: demo\n[^]*Type: cpu\n[^]*Duration: 20s, Total samples = 260ms/, error);
      assertMatch(out, /120ms 46\.15% +46\.15% +120ms 46\.15% +run\n/);
      const { out: one } = await pprof(
        "/debug/pprof/profile?service=cart&debug=0&gc=1",
        "-top",
        "-seconds=10",
      );
      assertMatch(one, /Duration: 10s, Total samples = 70ms/);
      const times = `from=${FIELD_START / 1000}&to=${FIELD_END / 1000}`;
      const { out: peek } = await pprof(
        `/debug/pprof/profile?${times}&match=pod=~"web.*"&inline=location`,
        "-traces",
      );
      assertMatch(peek, /service_name: +cart[^]*60ms +b \(inline\)\n +a\n +main/);
    });
    await t.step("block and mutex: means, and tags as roots", async () => {
      const { out } = await pprof("/debug/pprof/block?seconds=20", "-top", "-tagroot=lock_class");
      assertMatch(out, /Type: delay\n[^]*12ms total[^]* 12ms +100% +mutex\n/);
      const mean = await pprof("/debug/pprof/block?seconds=20", "-top", "-mean", "-focus=^b$");
      assertMatch(mean.out, /Type: mean_delay\n[^]* 1ms 50\.00% 50\.00% +1ms 50\.00% +b\n/, mean.error);
      const { out: held } = await pprof("/debug/pprof/mutex?seconds=20", "-traces");
      assertMatch(held, /waiter: +a\n[^]*10ms +c\n +main/);
      const { out: waited } = await pprof("/debug/pprof/block?seconds=20", "-traces");
      for (const tag of ["holder: +c", "pod: +web-0", "node: +node-1", "exe: +/bin/demo"]) {
        assertMatch(waited, new RegExp(`${tag}\n`));
      }
    });
    await t.step("syscall: the call as a root", async () => {
      const { out } = await pprof("/debug/pprof/syscall?seconds=20", "-top", "-tagroot=syscall");
      assertMatch(out, /Type: latency\n[^]*14ms +100% +read/);
    });
    await t.step("what is wrong is shown", async () => {
      for (
        const [path, text] of [
          ["/debug/pprof/profile?seconds=0", "'seconds' as it is not a number from 1"],
          ["/debug/pprof/profile?debug=1", "leave 'debug' out"],
          ["/debug/pprof/profile?match={a}", "Cannot take 'match'"],
          ["/debug/pprof/goroutine", "there are profile, block, mutex, syscall"],
        ] as const
      ) {
        const { success, error } = await pprof(path, "-top");
        assert(!success);
        assertStringIncludes(error, text);
      }
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("/debug/pprof/ lists what is there, and asks for a token", async () => {
  const text = await (await testHandler()("/debug/pprof/")).text();
  for (const name of ["profile", "block", "mutex", "syscall"]) {
    assertStringIncludes(text, `/debug/pprof/${name}`);
  }
  const response = await testHandler({ access: testAccess("s3cret-1") })("/debug/pprof/profile");
  assertEquals([response.status, response.headers.get("x-go-pprof")], [401, "1"]);
  assertStringIncludes(await response.text(), "Missing or wrong token");
});
