import { createClient } from '@muster/client';
import type { Command } from 'commander';
import { commandError } from '../api.js';
import { checkedUrl, forgetConnection, saveConnection } from '../connection.js';
import { CommandError, ExitCodes } from '../exit.js';
import type { Terminal } from '../terminal.js';

/** `muster login URL` and `muster logout`. */
export function addLoginCommands(program: Command, terminal: Terminal): void {
  program
    .command('login')
    .summary('say where Muster is, and with which key to ask it')
    .description(
      'Asks for an API key (muster_key_…), tries it, and keeps both in a file that only you can read.\n' +
        'The key is read from standard input, so that it stands in no list of processes: muster login URL < key-file',
    )
    .argument('<url>', 'where Muster is: https://muster.example.org')
    .action(async (argument: string) => {
      const url = checkedUrl(argument);
      const key = await terminal.askSecret('API key: ');
      if (key === '') throw new CommandError('no key was given', ExitCodes.usage);
      try {
        await createClient({ url, key }).call('listHosts', { query: { limit: 1 } });
      } catch (error) {
        throw commandError(error);
      }
      terminal.err(`Kept in ${await saveConnection(terminal, { url, key })}\n`);
    });

  program
    .command('logout')
    .summary('forget the key')
    .description('Removes the file that login wrote. The key itself stays good until it is revoked.')
    .action(() => forgetConnection(terminal));
}
