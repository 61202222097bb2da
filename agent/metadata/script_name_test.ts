// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { isInterpreter, scriptName } from "./script_name.ts";

const of = (line: string) => {
  const [exe, ...args] = line.split(" ");
  return scriptName(exe!, [exe!.split("/").at(-1)!, ...args]);
};

Deno.test("scriptName() gives what an interpreter runs", () => {
  assertEquals(of("/usr/bin/python3.13 /srv/app/worker.py --queue low"), "worker.py");
  assertEquals(of("/usr/bin/python3 -u -W error -X dev /srv/worker.py"), "worker.py");
  assertEquals(of("/usr/bin/python3 -m gunicorn app:main"), "gunicorn");
  assertEquals(of("/usr/bin/python3 -um http.server 80"), "http.server");
  assertEquals(of("/usr/bin/node --max-old-space-size=512 -r ./trace.js server.js"), "server.js");
  assertEquals(of("/usr/bin/deno run -A --config deno.json agent/main.ts --mode all"), "main.ts");
  assertEquals(of("/usr/lib/jvm/17/bin/java -Xmx1g -cp a.jar:b.jar org.example.Shop x"), "Shop");
  assertEquals(of("/usr/lib/jvm/17/bin/java -jar /opt/shop.jar --port 1"), "shop.jar");
  assertEquals(of("/bin/bash -e -o pipefail /etc/init.d/backup.sh now"), "backup.sh");
  assertEquals(of("/usr/bin/dash ./configure"), "configure");
  assertEquals(of("/bin/sh /entrypoint.sh serve"), "entrypoint.sh");
});

Deno.test("scriptName() is empty where code is given, where there is none, and of other programs", () => {
  for (
    const line of [
      "/usr/bin/python3 -c import_os",
      "/usr/bin/python3 -uc import_os /srv/x.py",
      "/usr/bin/python3",
      "/usr/bin/node -e 1 x.js",
      "/bin/sh -c make /srv/x.sh",
      "/bin/bash",
      "/usr/sbin/nginx /etc/nginx.conf",
    ]
  ) assertEquals(of(line), "", line);
  assert(isInterpreter("/usr/bin/python3.13") && !isInterpreter("/usr/bin/pythonista"));
});

Deno.test("scriptName() takes any arguments, and gives no path", () => {
  const exe = fc.constantFrom("/bin/python3", "/bin/node", "/bin/deno", "/bin/java", "/bin/sh", "/bin/other");
  fc.assert(fc.property(exe, fc.array(fc.string({ unit: "binary" })), (program, args) => {
    const name = scriptName(program, args);
    assert(name.length <= 64 && name.isWellFormed() && !name.includes("/"));
  }));
});
