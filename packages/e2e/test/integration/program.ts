import { mainOf, startProgram as start, type App, type Program } from '@muster/testkit';

export { eventually, type Program } from '@muster/testkit';

/** Starts `apps/APP/dist/main.js` with only the given environment, and with `input` on standard input. */
export const startProgram = (app: App, args: readonly string[], env: Record<string, string>, input?: string): Program =>
  start(mainOf(app), { args, env, ...(input === undefined ? {} : { input }) });
