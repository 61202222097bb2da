import { assertEquals } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { availableMemory, engineMemory } from "./memory.ts";

const GIB = 2 ** 30;

Deno.test("availableMemory() is the machine's, or the least that a cgroup above allows", () => {
  using folder = new TempFolder();
  const write = (path: string, text: string) => {
    const whole = `${folder.path}${path}`;
    Deno.mkdirSync(whole.slice(0, whole.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(whole, text);
  };
  write("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n");
  assertEquals(availableMemory(folder.path), 16 * GIB);
  write("/proc/self/cgroup", "0::/pods/one/main\n");
  write("/sys/fs/cgroup/pods/one/main/memory.max", "max\n");
  assertEquals(availableMemory(folder.path), 16 * GIB);
  write("/sys/fs/cgroup/pods/one/memory.max", `${3 * GIB}\n`);
  assertEquals(availableMemory(folder.path), 3 * GIB);
  write("/sys/fs/cgroup/memory.max", `${2 * GIB}\n`);
  assertEquals(availableMemory(folder.path), 2 * GIB);
  write("/proc/self/cgroup", "0::/\n");
  assertEquals(availableMemory(folder.path), 2 * GIB);
});

Deno.test("engineMemory() is a part of it, within bounds", () => {
  assertEquals(engineMemory(3 * GIB), Math.round(1.2 * GIB));
  assertEquals(engineMemory(GIB / 2), GIB / 2);
  assertEquals(engineMemory(1024 * GIB), 16 * GIB);
});
