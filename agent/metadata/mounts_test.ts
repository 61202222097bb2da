// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { run } from "../../tests/support/programs.ts";
import { mountedAt, pathsIn } from "./mounts.ts";

const MOUNTS = String.raw`
26 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 26 0:21 / /proc rw shared:2 - proc proc rw
41 26 254:16 / /var/lib rw shared:3 - ext4 /dev/vdb rw
42 26 254:16 /lib\040one/docker /mnt/a\040b rw shared:4 - ext4 /dev/vdb rw
43 26 254:0 /usr /usr-again rw - ext4 /dev/vda rw
`;

Deno.test("pathsIn() finds every mount of a file system that shows the path", () => {
  const vda = 254 << 20;
  assertEquals(pathsIn(MOUNTS, { device: vda >>> 0, path: "/usr/bin/sed" }), [
    "/usr/bin/sed",
    "/usr-again/bin/sed",
  ]);
  assertEquals(pathsIn(MOUNTS, { device: vda >>> 0, path: "/usrbin" }), ["/usrbin"]);
  const vdb = { device: (254 << 20 | 16) >>> 0, path: "/lib one/docker/x" };
  assertEquals(pathsIn(MOUNTS, vdb), ["/var/lib/lib one/docker/x", "/mnt/a b/x"]);
  assertEquals(pathsIn(MOUNTS, { device: 7 << 20, path: "/x" }), []);
});

Deno.test("pathsIn() survives any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.nat(), (text, device) => {
    assert(Array.isArray(pathsIn(text, { device, path: "/x" })));
  }));
});

testWith(["findmnt"], "mountedAt() leads to a file of this machine by its device and its path", () => {
  const at = Deno.realPathSync("/bin/true");
  // What is mounted may be a folder of a file system, as where it is bound.
  const [root, point] = run("findmnt", ["-rno", "FSROOT,TARGET", "--target", at]).trim().split(" ");
  const path = `${root}/${at.slice(point!.length)}`.replaceAll(/\/+/g, "/");
  const { dev, ino } = Deno.statSync(at);
  // As the C library takes a device apart: 12 bits of major, 20 of minor number.
  const major = dev >>> 8 & 0xfff;
  const minor = dev & 0xff | dev / 2 ** 12 & 0xfff00;
  const found = mountedAt("/proc/self", { device: (major << 20 | minor) >>> 0, path });
  assert(found.some((path) => Deno.statSync(path).ino === ino), `${found}`);
});

Deno.test("mountedAt() finds nothing for a process that is gone", () => {
  assertEquals(mountedAt("/proc/4194303", { device: 0, path: "/x" }), []);
});
