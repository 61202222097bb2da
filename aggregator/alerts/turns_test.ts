// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import type { Alert } from "./alert.ts";
import { Outcomes } from "./outcomes.ts";
import { Turns } from "./turns.ts";

const ALERT: Alert = {
  rule: "ParserGrew",
  group: '[["pod","cart-1"]]',
  state: "firing",
  changed: true,
  labels: { alertname: "ParserGrew", severity: "warning", pod: "cart-1" },
  annotations: { summary: "It takes more", value: "40 %" },
  url: "http://aperture/?kind=cpu",
  startedMs: 1_767_225_600_000,
  firedMs: 1_767_225_630_000,
  seenMs: 1_767_225_660_000,
  clearedMs: 0,
  value: 0.4,
  samples: 2 ** 53 - 1,
  capture: { nodes: ["n1", "n2"], frequency: 499, untilMs: 1_767_225_720_000 },
};

testWith(["chdb"], "turns are taken once, and have one outcome", async (t) => {
  await using storage = await startStorage();
  const { client } = storage;
  const names = Array.from({ length: 8 }, (_, i) => `aggregator-${i}`);

  await t.step("take() gives a turn to one of many that ask for it at once", async () => {
    const turns = names.map((name) => new Turns(client, name));
    assertEquals(await turns[0]!.newest(), undefined);
    for (let turn = 1; turn <= 10; turn++) {
      const taken = await Promise.all(turns.map((each) => each.take(turn)));
      assertEquals(taken.filter((each) => each !== undefined).length, 1, `turn ${turn}`);
      const newest = await turns[0]!.newest();
      assertEquals(newest?.holder, names[taken.findIndex((each) => each !== undefined)]);
      assert(newest!.turn === turn && newest!.ageMs >= 0);
    }
  });

  await t.step("an aggregator that stood still in its turn writes nothing when it goes on", async () => {
    const [slow, quick] = ["slow", "quick"].map((name) => ({
      turns: new Turns(client, name),
      outcomes: new Outcomes(client, name),
    })) as [{ turns: Turns; outcomes: Outcomes }, { turns: Turns; outcomes: Outcomes }];
    const first = await slow.turns.take(11);
    const second = await quick.turns.take(12);
    assert(first && second);
    // Its turn was closed when the next one was taken.
    assertEquals(await slow.outcomes.write({ scope: "", ...first, alerts: [ALERT] }), false);
    assertEquals(await quick.outcomes.current({ scope: "" }), []);
    assertEquals(await quick.outcomes.write({ scope: "", ...second, alerts: [ALERT] }), true);
    assertEquals(await slow.outcomes.current({ scope: "" }), [ALERT]);
    // Nor does its own repetition change what is written.
    assertEquals(await quick.outcomes.write({ scope: "", ...second, alerts: [] }), true);
    assertEquals(await quick.outcomes.current({ scope: "" }), [ALERT]);
  });

  await t.step("a turn that was never finished leaves what was found before", async () => {
    await new Turns(client, "crashed").take(13);
    const next = await new Turns(client, "next").take(14);
    const outcomes = new Outcomes(client, "next");
    assertEquals(await outcomes.current({ scope: "" }), [ALERT]);
    const resolved = { ...ALERT, state: "resolved", clearedMs: ALERT.seenMs } as const;
    assertEquals(await outcomes.write({ scope: "", ...next!, alerts: [resolved] }), true);
    assertEquals(await outcomes.current({ scope: "" }), []);
  });

  await t.step("changes() lists what began and ended, the newest first", async () => {
    const outcomes = new Outcomes(client, "reader");
    const all = { from: 0, to: Date.now() + 60_000, limit: 10 };
    assertEquals((await outcomes.changes(all)).map(({ alert }) => alert.state), ["resolved", "firing"]);
    assertEquals(await outcomes.changes({ ...all, rule: "Other" }), []);
    assertEquals(await outcomes.changes({ ...all, scope: "another" }), []);
    assertEquals((await outcomes.changes({ ...all, limit: 1 })).length, 1);
    assertEquals(await outcomes.changes({ ...all, to: 1 }), []);
  });

  await t.step("what was infinitely more comes back so", async () => {
    const outcomes = new Outcomes(client, "own");
    const alerts = [{ ...ALERT, value: Infinity }];
    assertEquals(await outcomes.write({ scope: "own", turn: Date.now(), at: Date.now(), alerts }), true);
    assertEquals(await outcomes.current({ scope: "own" }), alerts);
    assertEquals((await outcomes.current({ since: Date.now() + 60_000 })).length, 0);
  });

  await t.step("after all turns were too old to be kept, others are taken", async () => {
    const turns = new Turns(client, "next");
    await client.command("ALTER TABLE alert_turns DELETE WHERE true SETTINGS mutations_sync = 2");
    assertEquals(await turns.newest(), undefined);
    // Its token is known, whoever is gone with it.
    assertEquals(await turns.take(14), undefined);
    const number = await turns.next(undefined);
    assert(await turns.take(number));
    assertEquals(await turns.next(await turns.newest()), number + 1);
  });
});
