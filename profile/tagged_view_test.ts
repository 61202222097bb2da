// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { anyRecording, demoProfile } from "../tests/support/profiles.ts";
import { viewOf } from "./idle.ts";
import { decodeLabels } from "./labels.ts";
import { KINDS, seriesAt, totalOf } from "./model.ts";
import { taggedView } from "./tagged_view.ts";

Deno.test("taggedView() labels waits with their lock and its holder, and keeps what series are known by", () => {
  const view = taggedView(demoProfile(), "lock");
  const [series] = Array.from(view.samples.series, (row) => seriesAt(view, row));
  const { pid, exe, labels } = series!;
  assertEquals([pid, exe, Object.fromEntries(decodeLabels(labels))], [42, "/bin/demo", {
    ...{ lock_class: "mutex", lock_type: "futex", outcome: "woken", holder: "cold" },
  }]);
});

Deno.test("taggedView() has the samples of viewOf(), whatever they are told apart by", () => {
  fc.assert(fc.property(anyRecording, fc.constantFrom(...KINDS), fc.boolean(), (profile, kind, idle) => {
    assertEquals(
      totalOf(taggedView(profile, kind, { idle }), kind),
      totalOf(viewOf(profile, kind, { idle }), kind),
    );
  }));
});
