/** A path on the host that it is opened at, as a regular expression: `//host` and `/\host` lead elsewhere. */
export const OWN_PATH_PATTERN = String.raw`^/(?![/\\])[\x21-\x7e]*$`;
