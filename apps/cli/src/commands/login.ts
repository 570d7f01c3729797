import type { Command } from 'commander';
import { connect } from '../api.js';
import { checkKey, normalizeUrl, deleteConnection, saveConnection } from '../connection.js';
import { CommandError, ExitCodes } from '../exit.js';
import type { Terminal } from '../terminal.js';

/** Adds the commands `muster login URL` and `muster logout`. */
export function addLoginCommands(program: Command, terminal: Terminal): void {
  program
    .command('login')
    .summary('save the server URL and an API key')
    .description(
      'Prompts for an API key (muster_key_…), checks it, and saves the URL and the key in a file that only you can read.\n' +
        'To read the key from a file: muster login URL < key-file',
    )
    .argument('<url>', 'URL of the server, for example https://muster.example.org')
    .action(async (argument: string) => {
      const url = normalizeUrl(argument, 'the URL');
      const key = await terminal.askSecret('API key: ');
      if (key === '') throw new CommandError('no API key entered', ExitCodes.usage);
      checkKey(key, 'the input');
      const { client, toCommandError } = connect({ url, key, urlSetting: 'the URL' });
      try {
        await client.items('listHosts', { query: { limit: 1 } }).next();
      } catch (error) {
        throw toCommandError(error);
      }
      terminal.err(`Saved to ${await saveConnection(terminal, { url, key })}\n`);
    });

  program
    .command('logout')
    .summary('delete the saved key')
    .description('Deletes the file that login wrote. The key itself stays valid until it is revoked.')
    .action(() => deleteConnection(terminal));
}
