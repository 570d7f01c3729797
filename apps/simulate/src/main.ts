import { runCommand } from '@muster/fleet/command-line';
import { simulateCommand } from './command.js';

process.exitCode = await runCommand(simulateCommand);
