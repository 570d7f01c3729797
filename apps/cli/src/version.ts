/** This program's version. A test checks that it equals the version in package.json. */
export const CLI_VERSION = '0.1.0';
