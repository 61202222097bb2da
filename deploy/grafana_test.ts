// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml/parse";
import { PROFILE_TYPES } from "../aggregator/interop/querier/profile_types.ts";

const MONITORING = new URL("monitoring/", import.meta.url);

Deno.test("the dashboard of profiles asks for types that there are, of the data source that is provisioned", async () => {
  const file = await Deno.readTextFile(new URL("grafana/datasource.yml", MONITORING));
  const { datasources: [source] } = parse(file) as { datasources: { uid: string; type: string }[] };
  const { panels } = JSON.parse(await Deno.readTextFile(new URL("profiles.json", MONITORING))) as {
    panels: { targets: { datasource: unknown; profileTypeId: string; queryType: string }[] }[];
  };
  assert(panels.length > 0);
  const types = PROFILE_TYPES.map(({ id }) => id);
  for (const target of panels.flatMap(({ targets }) => targets)) {
    assertEquals(target.datasource, { type: source!.type, uid: source!.uid });
    assert(types.includes(target.profileTypeId), target.profileTypeId);
    assert(["profile", "metrics"].includes(target.queryType));
  }
});
