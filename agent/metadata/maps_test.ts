// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { executableMappings } from "./maps.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("executableMappings() reads paths with spaces, deleted files and memory without a file", () => {
  const maps = encode(`\
55d0c0a00000-55d0c0a01000 r--p 00000000 fe:00 123                        /opt/a b/my  prog
55d0c0a01000-55d0c0a02000 r-xp 00001000 fe:00 123                        /opt/a b/my  prog
7f0000000000-7f0000001000 r-xp 00000000 fe:00 9                          /tmp/lib (x).so (deleted)
7f0000002000-7f0000003000 rwxp 00000000 00:00 0 
7f0000004000-7f0000005000 r-xp 00003000 00:01 2057                       /memfd:jit cache (deleted)
7f0000006000-7f0000007000 r-xp 00000000 00:00 0                          [anon:v8]
7f0000008000-7f0000009000 r-xp 00000000 08:01 77                         /tmp/two\\012lines
7ffd3a5f2000-7ffd3a5f4000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`);
  const found = executableMappings(maps);
  assertEquals(found.map((m) => [m.path, m.deleted, m.inode]), [
    ["/opt/a b/my  prog", false, 123],
    ["/tmp/lib (x).so", true, 9],
    ["", false, 0],
    ["/memfd:jit cache", true, 2057],
    ["[anon:v8]", false, 0],
    ["/tmp/two\nlines", false, 77],
    ["[vdso]", false, 0],
    ["[vsyscall]", false, 0],
  ]);
  assertEquals(found[0], {
    start: 0x55d0c0a01000,
    end: 0x55d0c0a02000,
    offset: 0x1000,
    device: "fe:00",
    inode: 123,
    path: "/opt/a b/my  prog",
    deleted: false,
  });
});

Deno.test("executableMappings() takes memory in the middle of a file for that part of it", () => {
  const middle = (around: { before?: string; code?: string; after?: string } = {}) => {
    const {
      before = "1000-2000 r--p 00000000 fe:00 7 /bin/a",
      code = "2000-5000 r-xp 00000000 00:00 0 ",
      after = "5000-6000 r--p 00004000 fe:00 7 /bin/a",
    } = around;
    return executableMappings(encode(`${before}\n${code}\n${after}\n`)).map(
      ({ path, offset, copied = false }) => ({ path, offset, copied }),
    );
  };
  const part = { path: "/bin/a", offset: 0x1000, copied: true };
  assertEquals(middle(), [part]);
  const executable = middle({ before: "1000-2000 r-xp 00000000 fe:00 7 /bin/a" });
  assertEquals(executable, [{ path: "/bin/a", offset: 0, copied: false }, part]);
  const memory = [{ path: "", offset: 0, copied: false }];
  assertEquals(middle({ before: "1000-2000 r--p 00000000 fe:00 8 /bin/b" }), memory);
  assertEquals(middle({ before: "0000-1000 r--p 00000000 fe:00 7 /bin/a" }), memory);
  assertEquals(middle({ after: "5000-6000 r--p 00005000 fe:00 7 /bin/a" }), memory);
  assertEquals(middle({ after: "" }), memory);
  assertEquals(middle({ before: "", after: "" }), memory);
  const file = middle({ code: "2000-5000 r-xp 00000000 fe:00 9 /lib/c" });
  assertEquals(file, [{ path: "/lib/c", offset: 0, copied: false }]);
});

Deno.test("executableMappings() agrees with a plain reading of this process's own maps", () => {
  const bytes = Deno.readFileSync("/proc/self/maps");
  const expected = new TextDecoder().decode(bytes).split("\n")
    .map((line) => /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) (\S+) (\d+) *(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, start, end, offset, device, inode, path]) => ({
      start: parseInt(start!, 16),
      end: parseInt(end!, 16),
      offset: parseInt(offset!, 16),
      device,
      inode: Number(inode),
      path,
      deleted: false,
    }));
  assert(expected.length > 3);
  assertEquals(executableMappings(bytes) as unknown, expected);
});

Deno.test("executableMappings() takes junk and cut lines, and keeps to its limit", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => {
    executableMappings(junk);
  }));
  const line = "1000-2000 r-xp 0 00:00 0 /a\n";
  fc.assert(fc.property(fc.nat(line.length), (cut) => {
    executableMappings(encode(line + line.slice(0, cut)));
  }));
  assertEquals(executableMappings(encode(line.repeat(10)), 3).length, 3);
});
