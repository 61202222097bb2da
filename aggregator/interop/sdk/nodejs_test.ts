// SPDX-License-Identifier: Apache-2.0
/**
 * Is what @pyroscope/nodejs 0.6.4 pushed of a small program on Node 20, recorded whole. The sums are those that
 * `go tool pprof -raw` gives of the same bytes.
 */

import { assertEquals } from "@std/assert";
import { decodeLabels } from "../../../profile/labels.ts";
import { seriesAt } from "../../../profile/model.ts";
import { linesOf, startIntake } from "../../../tests/support/foreign.ts";

const WALL_PATH =
  "/ingest?format=pprof&from=1795902918&name=node-cart%7Botel.scope.name%3Dcom.grafana.pyroscope%2Fnodejs%2Cotel.scope.version%3D0.6.4%2Cprocess.runtime.name%3Dnodejs%2Cprocess.runtime.version%3D20.20.2%2Cregion%3Deu%7D&spyName=nodespy&until=1795902920&sampleRate=834";
const WALL =
  "H4sIAAAAAAAAA52VT2zcRBTG413b+2xvshOnzZpCWzPhT+LS9e7LJqQDUpEqoCBSRSoIiUsw9tA62p1ZeWxIbuGCxAkJCYSAA9y5" +
  "wAGJK+qNC+oFRK9wQNwRR2RnQ5OwKGluT8/v+97M6PfJtg4XSM3WoU50WweD6G7TrtU015ya+v69DzR31q4bet2127uffH1P++be" +
  "3fOuY2uma2pTH331k+bO25ahTzcd24KGaxm7P/wc/vbLZyY1QaM10KgJNVqDGrWgTg2ok+/qFECnOujEpAAGrZZSE0xag7LToDo0" +
  "iEYtAGoAkM/L0qIGWOTPBrXApgbY5A+LWuBQAxxyp0ktaFIDmuRHhwJMUx2miUYBZqgOM+QqBWhRHVrkEgUgVAdC5inALNVhlgQU" +
  "wKU6uOQtasIcrcFcYIJGLnpmYEKN+F4jAKiTRz3wrQBAJ9SzfScAMMiC1/SdwASTPOZNBwAN8rg347cCACBPeMSfDQAs8qTn+nMB" +
  "gE0WvTNV5ZAl72xVNUngzVfVNLnkzVS+M+Qpr+17AUCLXPYeqipCOl7bPxcAzJLQa/sPBwAu6Xpt/5HAhDnS887jFJoqGo4GHI1Y" +
  "FiJH/d1oMEBHREIqHkuRKKzHowIbN2TCO1sK2zek8F++6ee3Mx4lyo/iPH0nzXeQjDIZc6VeGg55kkY5xzNCJpylIueZiAZhng55" +
  "plDPi0xgM4xGozCOsrw0dW7L/IVCxHkqBZqLaTLgSzi3GAkpdoayUOyVhR67ttBbQnrYcxilIswKsVkWm0OZFAOOZ/k2j4ucv6Z4" +
  "9rzIs50NmYocLxyRVsPqXzU216tOZ3MgowT9ydPxlgrL7zxDZzxfjc/vi/l2zoVKpVCd8mat/X4sh6O0fGeVR1mOK9X9yx2b+9bP" +
  "jXYyqWI54lV/S4VJqvJqYyoSvl3auZX69Wgw2Mjk2+kgFbdw/YGsRpWOZyqMpchTUchCXd5vlitePKVdCc4hoysTjJIojxJ5KxyV" +
  "g6Es8lBlcUXGIWnz1XTIN8YNbOwhqtBmYwpZF8+x/wGRdXFpEnjsKJ+sv7yGpLMPISu5ZKvYvt85QCXro8X2wGRdXDueQjaBXtb7" +
  "j/IIhGwiuqy3soJ4HJDsIL+s1+0uY++kmj0JrjyNz554zWHSWW+128eVE6vHeWC9/toyXrz/5pOf7ZnOA2eFVVFhq8t4/bTiQzlj" +
  "/WW8eXKn43I2Ph4irp/G9GjaxnZ9xKtH7U6WubHBlTVssYPpY93ru59+8e2H73/8l7fx993fvzTfqH78b+7+esf6B3U3U2oKCAAA";

const HEAP_PATH =
  "/ingest?format=pprof&from=1795902919&name=node-cart%7Botel.scope.name%3Dcom.grafana.pyroscope%2Fnodejs%2Cotel.scope.version%3D0.6.4%2Cprocess.runtime.name%3Dnodejs%2Cprocess.runtime.version%3D20.20.2%2Cregion%3Deu%7D&spyName=nodespy&until=1795902920";
const HEAP =
  "H4sIAAAAAAAAA61WS2/cVBRmJvbMsed1Mq9cXq254ZEYmhmfZCbTS1sQFW2BFioICCGk4HouwdGMbWyPaFhNN0isYIOExP8AVogF" +
  "CyR+BGvEni3IzkySSadqaLL77rnnfOf43vt9sq7Ac5jVFXgelaqmZzJVJfPTvWG1rusFXYN8TlUWstXcvXHm2zFWa7reqNeqi1gp" +
  "l4pV9evFn8dYresFttQ8jN4zfh0jz0GGZyHDAbJcgSxmuAYLXIUF/CGBCldBwb/zXAOVq6DiXxrXIMdVyOFvRa5BnquQxz8KHAC4" +
  "AoAJlcYV0DDHAXSugI4Kz0GBZ6HANShyFYr44wIHKHEFSrjJAcpcgTJe5gAVrkAFmxwAuQKI1zjAIldgESOuQZWrUMXvsxygxhWo" +
  "ock1qHMV6vhLEmxwBRr4GgdocgWa+DYHWOIKLOEuB2BcAYaBmYMMvsBUEyCLKyxn5E2ABVxlYGgmgIIm042CCaDii6yYohy+xEop" +
  "yuMFVk4R4BrLGRUTQMMWwxTp2GaLRsXMQQEtVjUBikisZtRNgBKus4bRNAHKuMGWUlTBDmPG4yYAYpc9kaJF3GRPGk+ZAFXssaeN" +
  "cyZADS+y8ymqo2BGihr4MnsmrWjiJcbT2BJeZsspYniFPWuco8co79/ZlU4cker4Iy8mNQpsR5J6Zy+WEekr8m4sQ88erFJtxfZ8" +
  "b2/ojyJxc9kSV5etVeKe35fC9faTWkPb9VrhyNtOwPbQ748GkhryrnRGsXw/kuHrXhzu3fZdL6Zzx0rT5Oigmoq30sja9sC3+2TM" +
  "z3Z2o1ayL0MqTPLT9Oa0OJnfi1zfi9bWdiOqTOOOPwzcgaRiyw6ClmOHcbKtxKPQo8Jnfnxt5Dmx63ukRJ+HMWEQ+o6MojeGQ9l3" +
  "7VhSfXag2B3KMKLGzCF1OuLqMnVX6VbaJanYnk7+arAX+pHjBzKN70atvhvF6QcFof+pO5Bh1HJ8L3a9kT+KLkyDyZjl/YXr7bzr" +
  "j7w+5SebdP0R+3xhDwYzHYqu58nw9oRWiWI/oItzyPt2bPf9nVaQFLf8UdyKQic9jBm6eiRD1x64X8otdyintFdOTDjhunBAk7Jq" +
  "B0tidhBIr5+wp09sy3/PHgYDGVF5R3oytGN5074jBxEVdmR803fs9HLzycL1ZBo9uPKS640iuT1VRmF/uS+MkjiUhGhT7+HvX8zR" +
  "jbDuqzz2/MVc0Qir0yF6mBTEUeUIq91eJ+ukNfsl1NmkSyduM6sxYXXbG9Q5cfVEicLa6K3T+bWpFh9wbHiYkGhVdGnpMHJEt2KD" +
  "8iKRrmjT6jypiuOKFhvrPXLWzkylYq4ViE6HPj7DJrNOILoWvfMo7McNYMIrBRFtnQnhUUMRm2165TjryaxEJFYkLKtz/1j/wzrE" +
  "PD8S1GvTjTNhFRtEH56G6UF2JtatHn1wJhcy64ui26U3TzPxEVsVmz26flou15PCanfprVMSHRiCZdGN8e///vnNV9/9wz5K/5U/" +
  "GY/xP/mLfaM8CwAA";

Deno.test("what the Node SDK pushes is there whole, under its service", async () => {
  await using at = await startIntake({ clock: () => 1_795_902_930_000 });
  for (const [path, body] of [[WALL_PATH, WALL], [HEAP_PATH, HEAP]] as const) {
    const response = await at.ask(path, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: Uint8Array.from(atob(body), (c) => c.charCodeAt(0)),
    });
    assertEquals(response.status, 200, await response.text());
  }
  const batches = await at.staged();
  const sums: Record<string, number> = {};
  for (const line of linesOf(batches)) {
    const [kind, service] = line.split(" ");
    assertEquals(service, "node-cart");
    sums[kind!] = (sums[kind!] ?? 0) + Number(line.split(" ").at(-2));
  }
  assertEquals(sums, {
    cpu: 80_849_760,
    "wall:samples:count:wall:nanoseconds": 29,
    "wall:wall:nanoseconds:wall:nanoseconds": 560_000_000,
    "memory:inuse_objects:count:inuse_space:bytes": 22_668,
    "memory:inuse_space:bytes:inuse_space:bytes": 2_572_607,
  });
  assertEquals(linesOf(batches).some((line) => /;\.\/cart\.js:hotFunction:\d+ \d+ \d+$/.test(line)), true);
  const labels = Object.fromEntries(decodeLabels(seriesAt(batches[0]!, 0).labels));
  assertEquals([labels["region"], labels["pyroscope_spy"], labels["process.runtime.name"]], [
    "eu",
    "nodespy",
    "nodejs",
  ]);
});
