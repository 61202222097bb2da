// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the folder where debuginfod clients keep their files (debuginfod-client-config(7)).
 *
 * @module
 */

export interface UserFolders {
  /** `$HOME` */
  readonly home?: string | undefined;
  /** `$XDG_CACHE_HOME` */
  readonly xdgCacheHome?: string | undefined;
}

/** Returns the folder that all debuginfod clients of this user share, when `$DEBUGINFOD_CACHE_PATH` names none. */
export function defaultCacheFolder({ home, xdgCacheHome }: UserFolders): string {
  const old = `${home || ""}/.debuginfod_client_cache`;
  if (isFolder(old)) return old;
  return `${cacheFolder({ home, xdgCacheHome })}/debuginfod_client`;
}

/** Returns the folder for what a user's programs can make again. */
export function cacheFolder({ home, xdgCacheHome }: UserFolders): string {
  return xdgCacheHome || `${home || ""}/.cache`;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
