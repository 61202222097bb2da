// SPDX-License-Identifier: Apache-2.0
/**
 * Knows as much of ClickHouse's grammar as HTTP needs: where an INSERT's data begin, which format a query names, and
 * whether there is more than one statement. The engine parses the rest.
 *
 * @module
 */

export interface Statement {
  /** Is the first word, in capitals; "" when there is none. */
  readonly verb: string;
  /** Is the format that the text names, where it does. */
  readonly format?: string;
  /** Is set for an INSERT whose rows are not of a SELECT: they are streamed to the engine. */
  readonly insert?: {
    /** Is where FORMAT or VALUES begins: what stands before is the statement. */
    readonly headEnd: number;
    /** Is the data's format. */
    readonly format: string;
    /** Is where the data begin. */
    readonly dataAt: number;
  };
  /** A second statement follows the first. */
  readonly many: boolean;
}

interface Token {
  readonly kind: "word" | "quoted" | "symbol";
  /** Is a word or symbol as it stands, "" for what is quoted. */
  readonly text: string;
  readonly at: number;
  readonly end: number;
}

/** Reads tokens by hand, for a text may have 16 MiB, and a regular expression's stack has not. */
function* tokens(sql: string, at: number): Generator<Token> {
  while (at < sql.length) {
    const start = at, char = sql[at]!;
    const blank = blankEnd(sql, at);
    if (blank > at) {
      at = blank;
    } else if (char === "'" || char === '"' || char === "`") {
      at = quotedEnd(sql, at);
      yield { kind: "quoted", text: "", at: start, end: at };
    } else if (isWord(char)) {
      while (at < sql.length && isWord(sql[at]!)) at++;
      yield { kind: "word", text: sql.slice(start, at), at: start, end: at };
    } else {
      const tag = char === "$" ? /^\$\w*\$/.exec(sql.slice(at, at + 64))?.[0] : undefined;
      at = tag === undefined ? at + 1 : after(sql, tag, at + tag.length);
      yield {
        kind: tag === undefined ? "symbol" : "quoted",
        text: tag === undefined ? char : "",
        at: start,
        end: at,
      };
    }
  }
}

/** Returns the end of the white space or comment at `at`; `at` where there is neither. */
function blankEnd(sql: string, at: number): number {
  const two = sql.slice(at, at + 2);
  if (two === "--" || two === "# " || two === "#!") return after(sql, "\n", at);
  if (two === "/*") return after(sql, "*/", at + 2);
  while (at < sql.length && /\s/.test(sql[at]!)) at++;
  return at;
}

/** Returns where what begins with a quote at `at` ends: a doubled or escaped quote does not end it. */
function quotedEnd(sql: string, at: number): number {
  const quote = sql[at]!;
  for (at++; at < sql.length; at++) {
    if (sql[at] === "\\") at++;
    else if (sql[at] === quote && sql[++at] !== quote) return at;
  }
  return sql.length;
}

function after(sql: string, end: string, from: number): number {
  const at = sql.indexOf(end, from);
  return at < 0 ? sql.length : at + end.length;
}

/**
 * Returns whether `char` is of a word, as all beyond ASCII is: outside of quotes the engine takes nothing else of it.
 */
function isWord(char: string): boolean {
  return (char >= "0" && char <= "9") || (char >= "A" && char <= "Z") || (char >= "a" && char <= "z") ||
    char === "_" || char >= "\x80";
}

/**
 * Reads the outline of a query.
 *
 * @param sql one character a byte (Latin-1), so that offsets count bytes: what follows FORMAT may be binary
 */
export function readStatement(sql: string): Statement {
  let verb = "", format: string | undefined, depth = 0, ended = false, previous: Token | undefined;
  for (const token of tokens(sql, 0)) {
    if (ended) return { verb, ...(format && { format }), many: true };
    if (token.kind === "symbol") {
      if ("([{".includes(token.text)) depth++;
      else if (")]}".includes(token.text)) depth--;
      else if (token.text === ";") ended = verb !== "";
    } else if (token.kind === "word") {
      const word = token.text.toUpperCase();
      verb ||= word;
      if (depth > 0) { /* of a subquery, a column list or the rows */ }
      else if (previous?.kind === "word" && previous.text.toUpperCase() === "FORMAT") {
        format = token.text;
        if (verb === "INSERT") {
          return withData(sql, previous.at, { format, dataAt: dataAfter(sql, token.end) });
        }
      } else if (verb === "INSERT" && word === "VALUES" && !isName(previous)) {
        return withData(sql, token.at, { format: "Values", dataAt: token.end });
      } else if (verb === "INSERT" && !isName(previous) && (word === "SELECT" || word === "WITH")) {
        verb = "INSERT SELECT";
      } else if (
        verb === "INSERT" ? word === "INFILE" && follows(previous, "FROM") : follows(previous, "INTO")
      ) {
        if (word === "INFILE" || word === "OUTFILE") verb = word;
      }
    }
    previous = token;
  }
  if (verb === "INSERT") return withData(sql, sql.length, { format: "Values", dataAt: sql.length });
  return { verb, ...(format && { format }), many: false };
}

function follows(previous: Token | undefined, word: string): boolean {
  return previous?.text.toUpperCase() === word;
}

/**
 * Returns whether a word is a name, as in `INSERT INTO values VALUES …`: the word after INTO, TABLE or a dot is a name.
 */
function isName(previous: Token | undefined): boolean {
  return /^(INTO|TABLE|INSERT|\.)$/i.test(previous?.text ?? "");
}

function withData(
  sql: string,
  headEnd: number,
  { format, dataAt }: { format: string; dataAt: number },
): Statement {
  const many = format === "Values" && hasMore(sql, dataAt);
  return { verb: "INSERT", format, insert: { headEnd, format, dataAt }, many };
}

/** Returns whether something follows a semicolon behind the rows of VALUES. */
function hasMore(sql: string, at: number): boolean {
  let ended = false;
  for (const token of tokens(sql, at)) {
    if (ended) return true;
    ended = token.text === ";";
  }
  return false;
}

/**
 * Returns where the data begin, as ClickHouse's parser does: blanks and one line end stand between the format and its
 * data.
 */
function dataAfter(sql: string, at: number): number {
  return at + (/^[ \t\f\v]*;?(?:\r?\n)?/.exec(sql.slice(at, at + 256))?.[0].length ?? 0);
}
