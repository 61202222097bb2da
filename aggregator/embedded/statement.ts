/**
 * As much of ClickHouse's grammar as HTTP needs: where an INSERT's data begin, which format a query names, and
 * whether there is more than one statement. The engine parses the rest.
 *
 * @module
 */

export interface Statement {
  /** The first word, in capitals; "" when there is none. */
  readonly verb: string;
  /** The format that the text names, where it does. */
  readonly format?: string;
  /** An INSERT whose rows are not of a SELECT: they are streamed to the engine. */
  readonly insert?: {
    /** Where FORMAT or VALUES begins: what stands before is the statement. */
    readonly headEnd: number;
    /** The data's format. */
    readonly format: string;
    /** Where the data begin. */
    readonly dataAt: number;
  };
  /** A second statement follows the first. */
  readonly many: boolean;
}

interface Token {
  readonly kind: "word" | "quoted" | "symbol";
  /** A word or symbol as it stands, "" for what is quoted. */
  readonly text: string;
  readonly at: number;
  readonly end: number;
}

/** One alternative a kind of token, tried in this order; white space and comments first. */
const TOKEN = new RegExp(
  [
    String.raw`(?<skip>\s+|--[^\n]*(?:\n|$)|#[ !][^\n]*(?:\n|$)|/\*[^]*?(?:\*/|$))`,
    String.raw`(?<quoted>'(?:[^'\\]|\\[^]|'')*(?:'|$)|"(?:[^"\\]|\\[^]|"")*(?:"|$)|` +
    "`(?:[^`\\\\]|\\\\[^]|``)*(?:`|$)" + String.raw`|(?<tag>\$\w*\$)[^]*?(?:\k<tag>|$))`,
    String.raw`(?<word>[\p{L}\p{N}_$]+)`,
    String.raw`(?<symbol>[^])`,
  ].join("|"),
  "uy",
);

function* tokens(sql: string, at: number): Generator<Token> {
  // A regular expression of one's own, for lastIndex is its state.
  const token = new RegExp(TOKEN);
  token.lastIndex = at;
  for (let match = token.exec(sql); match?.groups; match = token.exec(sql)) {
    const { skip, quoted, word, symbol } = match.groups;
    if (skip !== undefined) continue;
    const kind = quoted !== undefined ? "quoted" : word !== undefined ? "word" : "symbol";
    yield { kind, text: word ?? symbol ?? "", at: match.index, end: token.lastIndex };
  }
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
      } else if ((word === "INFILE" || word === "OUTFILE") && /^(FROM|INTO)$/i.test(previous?.text ?? "")) {
        verb = word;
      }
    }
    previous = token;
  }
  if (verb === "INSERT") return withData(sql, sql.length, { format: "Values", dataAt: sql.length });
  return { verb, ...(format && { format }), many: false };
}

/** `INSERT INTO values VALUES …`: the word after INTO, TABLE or a dot is a name. */
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

/** Whether something follows a semicolon behind the rows of VALUES. */
function hasMore(sql: string, at: number): boolean {
  let ended = false;
  for (const token of tokens(sql, at)) {
    if (ended) return true;
    ended = token.text === ";";
  }
  return false;
}

/** As ClickHouse's parser: blanks and one line end stand between the format and its data. */
function dataAfter(sql: string, at: number): number {
  return at + (/^[ \t\f\v]*;?(?:\r?\n)?/.exec(sql.slice(at, at + 256))?.[0].length ?? 0);
}
