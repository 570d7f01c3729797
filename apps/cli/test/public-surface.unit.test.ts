/** Pins the interface that scripts rely on; see apps/api/test/public-surface.test.ts. */
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { ExitCodes } from '../src/exit.js';
import { createProgram } from '../src/command-line.js';
import type { Terminal } from '../src/terminal.js';

const terminal: Terminal = {
  env: {},
  out: () => undefined,
  err: () => undefined,
  screen: null,
  askSecret: () => Promise.reject(new Error('this test enters no secret')),
  interrupted: new AbortController().signal,
};

/** Returns a line for each command, argument, option and allowed value. */
const commandLines = (command: Command, parents: readonly string[] = []): string[] => {
  const path = [...parents, command.name()];
  const name = path.join(' ');
  return [
    [
      name,
      ...command.registeredArguments.map((argument) => `<${argument.name()}>${argument.required ? '' : '?'}`),
    ].join(' '),
    ...command.aliases().map((alias) => `${name} alias ${alias}`),
    ...command.options.flatMap(({ flags, argChoices, mandatory }) => [
      `${name} ${flags}${mandatory ? ' (required)' : ''}`,
      ...(argChoices ?? []).map((choice) => `${name} ${flags} = ${choice}`),
    ]),
    ...command.commands.flatMap((child) => commandLines(child, path)),
  ];
};

const lines = (items: readonly string[]): string => `\n${[...items].sort().join('\n')}\n`;

describe('the public surface of the CLI', () => {
  test('commands, arguments and options', () => {
    expect(lines(commandLines(createProgram(terminal)))).toMatchSnapshot();
  });

  test('exit codes', () => {
    expect(lines(Object.entries(ExitCodes).map(([name, code]) => `${code} ${name}`))).toMatchSnapshot();
  });
});
