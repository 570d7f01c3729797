import { toTerminalJson, toTerminalText, type Replica } from '@muster/contracts';
import { Option, type Command } from 'commander';
import { withApi } from '../api.js';
import { formatAge } from '../output/age.js';
import { formatTable, type Column } from '../output/table.js';
import type { Terminal } from '../terminal.js';

const columnsAt = (now: Date): Column<Replica>[] => [
  { title: 'REPLICA', text: ({ id }) => id, widthMin: Infinity },
  { title: 'VERSION', text: ({ version }) => version },
  { title: 'STARTED', text: ({ startedAt }) => formatAge(startedAt, now), widthMin: Infinity },
  { title: 'LAST SEEN', text: ({ lastSeenAt }) => formatAge(lastSeenAt, now), widthMin: Infinity },
];

/** Adds the command `muster system`. */
export function addSystemCommand(program: Command, terminal: Terminal): void {
  program
    .command('system')
    .summary("show the server's version, database and replicas")
    .addOption(new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'))
    .action(({ output }: { output: 'table' | 'json' }) =>
      withApi(terminal, async (client) => {
        const system = await client.call('getSystem', {});
        if (output === 'json') {
          terminal.out(`${toTerminalJson(JSON.stringify(system, null, 2))}\n`);
          return;
        }
        const { version, database, replicas } = system;
        const kind = database.kind === 'embedded' ? 'embedded PostgreSQL' : 'PostgreSQL';
        terminal.out(toTerminalText(`Muster ${version} on ${kind} ${database.version}`) + '\n');
        if (replicas.length > 0) terminal.out(`\n${formatTable(columnsAt(new Date()), replicas, terminal.screen)}`);
      }),
    );
}
