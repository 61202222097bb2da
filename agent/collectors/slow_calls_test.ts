// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { runProgram } from "../../tests/support/child.ts";
import { compileProgram } from "../../tests/support/compiled.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { OBJECT, OBJECT_KINDS, OBJECT_NAME_BYTES } from "../libbpf/mod.ts";
import { decodeObjects } from "./slow_calls.ts";
import { SyscallCollector } from "./syscall.ts";

for (const taskStorage of [true, false]) {
  const storage = taskStorage ? "task storage" : "a hash map of threads";

  testWith(
    ["bpf", "clang"],
    `SyscallCollector tells what slow calls were made on, and what their threads did, with ${storage}`,
    async () => {
      await build("bpf");
      using folder = new TempFolder();
      const program = await compileProgram("slow_calls", folder.path);
      const file = `${await Deno.realPath(folder.path)}/write-ahead.log`;
      // Each call is slow.
      using collector = SyscallCollector.open({ slowNs: 1, taskStorage });
      const { stdout, code } = await runProgram(program, [file]);
      assertEquals(code, 0);
      const { slowCalls = [], syscalls = [] } = await collector.drain();
      const said = JSON.parse(stdout);
      const own = slowCalls.filter(({ pid }) => pid === said.pid);
      const find = (call: string, object: string) => {
        const found = own.find((slow) => slow.call === call && slow.object === object);
        assert(found, `${call} on ${object}: ${Deno.inspect(own.map((slow) => [slow.call, slow.object]))}`);
        return found;
      };
      for (const { totalNs, onCpuNs, inLockNs } of own) assert(onCpuNs + inLockNs <= totalNs);
      const peer = `127.0.0.1:${said.port}`;
      const received = find("read(server)", peer);
      assertEquals(received.count, 1);
      // It was blocked nearly all of the time.
      assert(received.totalNs >= 30e6 && received.onCpuNs < received.totalNs / 2, Deno.inspect(received));
      assertEquals(find("connect", peer).count, 1);
      assertEquals(find("accept", `*:${said.port}`).count, 1);
      assertEquals(find("read(pipe)", "pipe").count, 1);
      assertEquals(find("write", file).count, 1);
      assertEquals(find("write", "memfd:in_memory").count, 1);
      const random = find("getrandom", "");
      assertEquals(said.got, 64 << 20);
      // The program's own account of its processor time lacks interrupts, and what a hypervisor took.
      assert(
        random.onCpuNs >= said.cpu * 0.98 && random.onCpuNs <= said.cpu * 1.5 + 1e6,
        `${random.onCpuNs}`,
      );
      // Both tell of the same calls.
      const calls = [...syscalls].filter(({ pid, call }) => pid === said.pid && call === "write");
      const written = own.filter(({ call }) => call === "write");
      assertEquals(
        written.reduce((sum, { count }) => sum + count, 0),
        calls.reduce((sum, { count }) => sum + count, 0),
      );
    },
  );
}

testWith(
  ["bpf", "clang"],
  "SyscallCollector tells who waits for a server's answer from who waits for something to do",
  async () => {
    await build("bpf");
    using folder = new TempFolder();
    const program = await compileProgram("answers", folder.path, ["-O2", "-pthread"]);
    using collector = SyscallCollector.open();
    const { stdout, stderr, code } = await runProgram(program, []);
    assertEquals(code, 0, stderr);
    const reads: Record<string, [call: string, count: number][]> = { asker: [], server: [], twin: [] };
    for (const { pid, comm, call, count } of (await collector.drain()).syscalls!) {
      if (pid === JSON.parse(stdout).pid && /^(read|recvfrom)\(/.test(call)) reads[comm]?.push([call, count]);
    }
    // Over IPv4, IPv6 and Unix sockets, and by UDP.
    assertEquals(reads, {
      asker: [["read(server)", 4]],
      server: [["recvfrom(socket)", 4]],
      twin: [["read(socket)", 1]],
    });
  },
);

function object(kind: (typeof OBJECT_KINDS)[number], fill: (view: DataView<ArrayBuffer>) => void): string {
  const values = new DataView(new ArrayBuffer(OBJECT.size));
  values.setUint32(OBJECT.kind, OBJECT_KINDS.indexOf(kind), true);
  fill(values);
  const keys = new DataView(BigUint64Array.of(7n).buffer);
  const objects = new Map<bigint, string>();
  decodeObjects({ count: 1, keys, values }, objects);
  return objects.get(7n)!;
}

Deno.test("decodeObjects() writes peers as others do", () => {
  const ipv6 = (...groups: number[]) =>
    object("ipv6", (view) => {
      groups.forEach((group, i) => view.setUint16(OBJECT.address + 2 * i, group));
      view.setUint16(OBJECT.port, 443, true);
    });
  assertEquals(ipv6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), "[2001:db8::1:0:0:1]:443");
  assertEquals(ipv6(0, 0, 0, 0, 0, 0, 0, 1), "[::1]:443");
  assertEquals(ipv6(0xfe80, 0, 0, 0, 0, 0, 0, 0), "[fe80::]:443");
  assertEquals(ipv6(1, 2, 3, 4, 5, 0, 7, 8), "[1:2:3:4:5:0:7:8]:443");
  assertEquals(ipv6(0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x0001), "10.0.0.1:443");
  assertEquals(object("ipv4", (view) => view.setUint16(OBJECT.own_port, 80, true)), "*:80");
  assertEquals(object("unix", () => {}), "unix socket");
});

Deno.test("decodeObjects() says what of a path is cut", () => {
  const path = (...names: string[]) =>
    object("path", (view) => {
      view.setUint32(OBJECT.names, names.length, true);
      names.toReversed().forEach((name, i) => {
        new TextEncoder().encodeInto(
          name,
          new Uint8Array(view.buffer, OBJECT.name + i * OBJECT_NAME_BYTES, OBJECT_NAME_BYTES - 1),
        );
      });
    });
  assertEquals(path("var", "lib", "wal"), "/var/lib/wal");
  assertEquals(path(), "/");
  assertEquals(path("x".repeat(60)), `/${"x".repeat(39)}…`);
  assertEquals(path(...Array.from({ length: 16 }, () => "d")), `…${"/d".repeat(16)}`);
});
