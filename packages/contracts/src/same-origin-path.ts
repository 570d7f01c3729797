/** Matches a path on the same host. Excludes `//host` and `/\host`, which browsers resolve to another host. */
export const SAME_ORIGIN_PATH_PATTERN = String.raw`^/(?![/\\])[\x21-\x7e]*$`;
