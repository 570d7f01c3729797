import { runCommand } from '@muster/fleet/command-line';
import { benchCommand } from './command.js';

process.exitCode = await runCommand(benchCommand);
