/** Pins the interface that installers, systemd units and scripts rely on; see apps/api/test/public-surface.test.ts. */
import { describe, expect, test } from '@jest/globals';
import { HELP } from '../src/cli.js';
import { ExitCodes } from '../src/exit.js';
import { SETTINGS } from '../src/config/settings.js';

const lines = (items: readonly string[]): string => `\n${[...items].sort().join('\n')}\n`;

describe('the public surface of the agent', () => {
  test('commands', () => {
    const commands = [...HELP.split('The default command')[0]!.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name!);
    expect(lines(commands)).toMatchSnapshot();
  });

  test('settings: environment variables and their flags', () => {
    expect(
      lines(SETTINGS.map(({ variable, flag }) => `${variable}${flag === null ? '' : ` --${flag}`}`)),
    ).toMatchSnapshot();
  });

  test('exit codes', () => {
    expect(lines(Object.entries(ExitCodes).map(([name, code]) => `${code} ${name}`))).toMatchSnapshot();
  });
});
