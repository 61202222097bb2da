// SPDX-License-Identifier: Apache-2.0
/**
 * Splits a file of SQL into statements.
 *
 * @module
 */

// What may hold a semicolon that ends nothing: quoted text and names with their escapes, comments, heredocs.
// An opening that is never closed runs to the end, and the server says what is wrong with it.
const TOKEN =
  /'(?:[^'\\]|\\[^]|'')*'?|"(?:[^"\\]|\\[^]|"")*"?|`(?:[^`\\]|\\[^]|``)*`?|--[^\n]*|\/\*[^]*?(?:\*\/|$)|(\$\w*\$)[^]*?(?:\1|$)|;|[^]/g;

/** Returns the statements of `sql` in their order, without their semicolons; comments stay, empty statements go. */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let text = "";
  // Whether `text` has more than comments and white space.
  let full = false;
  const end = () => {
    if (full) statements.push(text.trim());
    text = "";
    full = false;
  };
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ";") {
      end();
      continue;
    }
    text += token;
    full ||= !/^(--|\/\*|\s)/.test(token);
  }
  end();
  return statements;
}
