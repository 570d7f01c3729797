import { runCommand } from '@muster/fleet/command-line';
import { demoCommand } from './command.js';

process.exitCode = await runCommand(demoCommand);
