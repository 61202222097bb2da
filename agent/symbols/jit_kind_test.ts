// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { jitKind, jitName, kindIn } from "./jit_kind.ts";

Deno.test("jitKind() goes by the program and its libraries, a compiler of patterns last", () => {
  for (
    const [paths, name] of [
      [["/usr/bin/java", "/usr/lib/jvm/x/lib/server/libjvm.so"], "[jit: JVM]"],
      [["/usr/bin/node", "/usr/lib/libpcre2-8.so.0.11.2"], "[jit: V8]"],
      [["/usr/bin/luajit-2.1.0-beta3"], "[jit: LuaJIT]"],
      [["/usr/bin/nginx", "/usr/lib/libluajit-5.1.so.2.1.0"], "[jit: LuaJIT]"],
      [["/usr/bin/grep", "/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0"], "[jit: PCRE]"],
      [["/usr/bin/php8.2"], "[jit: PHP]"],
      [["/usr/lib/postgresql/15/bin/postgres", "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"], "[jit: LLVM]"],
      [["/usr/bin/qemu-system-x86_64", "/usr/lib/libpcre2-8.so.0"], "[jit: QEMU]"],
      [["/usr/bin/qemu-x86_64-static"], "[jit: QEMU]"],
      [["/usr/bin/ruby3.1"], "[jit: Ruby]"],
      [["/usr/bin/gvim", "/usr/lib/libruby-3.1.so.3.1", "/usr/lib/libpcre2-8.so.0"], "[jit: PCRE]"],
      [["/usr/bin/guile", "/usr/lib/x86_64-linux-gnu/libguile-3.0.so.1.5.0"], "[jit: Guile]"],
      [["/usr/bin/chezscheme9.5"], "[jit: Chez]"],
      [["/usr/bin/sbcl", "/usr/lib/sbcl/sbcl.core"], "[jit: SBCL]"],
      [["/usr/bin/sbclient"], "[jit]"],
      [["/root/.bun/bin/bun"], "[jit: JavaScriptCore]"],
      [["/opt/app/nodejs-not", "", "[vdso]"], "[jit]"],
      [[], "[jit]"],
    ] as const
  ) {
    assertEquals(jitName(jitKind(paths.map((path) => ({ path })))), name);
  }
});

Deno.test("kindIn() tells PHP's own code from that of its patterns", () => {
  const of = (kind: string | undefined, path: string) => jitName(kindIn(kind, { path }));
  for (
    const path of ["/dev/zero", "/SYSV00000000", "/memfd:opcache_lock", "/anon_hugepage", "[anon_shmem:php]"]
  ) {
    assertEquals(of("PHP", path), "[jit: PHP]");
  }
  assertEquals([of("PHP", ""), of("PHP", "[anon:pcre]")], ["[jit: PCRE]", "[jit: PCRE]"]);
  assertEquals([of("V8", ""), of("V8", "/dev/zero"), of(undefined, "")], ["[jit: V8]", "[jit: V8]", "[jit]"]);
});
