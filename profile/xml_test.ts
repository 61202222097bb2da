// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { escapeXml } from "./xml.ts";

Deno.test("escapeXml() leaves nothing that begins markup, and keeps the text", () => {
  assertEquals(escapeXml(`<a b="c">&'`), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
  const texts: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'" };
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    const escaped = escapeXml(text);
    assert(!/[<>"']/.test(escaped));
    const back = escaped.replaceAll(/&([^;]+);/g, (_, name: string) => texts[name]!);
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assertEquals(back, text.replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g, "\ufffd"));
  }));
});

Deno.test("escapeXml() replaces halves of pairs and characters that XML has not", () => {
  assertEquals(escapeXml("a\0b\ud800c\ufffed\n"), "a\ufffdb\ufffdc\ufffdd\n");
});
