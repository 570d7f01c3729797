/** Whether this is a path on the host that it is opened at: `//host` and `/\host` lead elsewhere. */
export const isOwnPath = (path: string): boolean => /^\/(?![/\\])[\x21-\x7e]*$/.test(path);
