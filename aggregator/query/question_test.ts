// SPDX-License-Identifier: Apache-2.0
import { assertRejects } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { StorageError } from "../storage/client.ts";
import { QuestionError } from "./asked.ts";
import { type QueryLimits, Question } from "./question.ts";

testWith(["chdb"], "Question tells who asks for too much from storage that fails", async () => {
  await using storage = await startStorage();
  const ask = (sql: string, limits: QueryLimits = {}) => {
    const oldest = { fine: 0, minutes: 0 };
    return new Question(storage.client, { name: "test", oldest, limits: { timeoutMs: 120_000, ...limits } })
      .rows(sql);
  };
  const many = "SELECT count() FROM numbers(1000000) WHERE number % 7 = 1";
  await assertRejects(() => ask(many, { rowsRead: 1000 }), QuestionError, "too many rows would be read");
  const large = "SELECT length(groupArray(toString(number))) FROM numbers(3000000)";
  await assertRejects(
    () => ask(large, { memoryBytes: 2 ** 23 }),
    QuestionError,
    "more memory than a question",
  );
  await assertRejects(
    () => ask("SELECT match('a', '(a')"),
    QuestionError,
    "Cannot use a pattern as it is no RE2: missing ): (a",
  );
  await assertRejects(() => ask("SELECT no_such_column"), StorageError, "no_such_column");
});
