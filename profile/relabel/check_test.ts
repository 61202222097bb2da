// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { checkRules } from "./check.ts";
import { RelabelError } from "./rules.ts";

Deno.test("checkRules() shows what becomes of series, and drops none in silence", () => {
  const yaml = `
relabel_configs:
  - source_labels: [namespace]
    regex: kube-.*
    action: drop
  - source_labels: [pod]
    regex: (.*)-[0-9]+
    target_label: service
  - source_labels: [namespace]
    regex: bank
    action: hash_function_names
`;
  // The hash is what `printf main | sha256sum` begins with.
  assertEquals(
    checkRules(yaml, ["namespace=shop,pod=cart-1", "namespace=kube-system,pod=dns-0", "namespace=bank"])
      .split("\n"),
    [
      "3 rules",
      '{namespace="shop", pod="cart-1"}',
      '  -> {namespace="shop", pod="cart-1", service="cart"}',
      '{namespace="kube-system", pod="dns-0"}',
      "  -> dropped",
      '{namespace="bank"}',
      '  -> {namespace="bank"}, functions as fn_0d6e4079e36703eb for main',
      "",
    ],
  );
  assertThrows(() => checkRules("- action: nonsense", []), RelabelError, "rule 1");
});
