import {
  listOf,
  switchOption,
  UsageError,
  valueOption,
  wholeNumber,
  type CommandSpec,
} from '@muster/fleet/command-line';
import { GUARANTEE_IDS, type GuaranteeId } from './guarantee.js';

interface Values {
  only: readonly GuaranteeId[];
  quick: boolean;
  /** The number of kills of each kind. Null: the number in the plan. */
  rounds: number | null;
  out?: string;
}

export interface FaultsOptions extends Omit<Values, 'out'> {
  /** The document into which the figures are written. Null: no document. */
  out: string | null;
}

const ROUNDS_MAX = 1_000;

/** The document with the figures, relative to the repository's root, where `pnpm test:faults` runs. */
const OUT_DEFAULT = 'docs/reliability.md';

export const faultsCommandLine: Pick<
  CommandSpec<Values, FaultsOptions>,
  'name' | 'description' | 'options' | 'toOptions'
> = {
  name: 'muster-faults',
  description: `Injects faults into the real parts of Muster. Each test starts and stops its own servers.
Exits with 1 if a promise is not kept.`,
  options: [
    valueOption(
      '--only <names>',
      `comma-separated tests to run: ${GUARANTEE_IDS.join(', ')}`,
      listOf('test', GUARANTEE_IDS),
    ).default(GUARANTEE_IDS, 'all'),
    switchOption('--quick', 'fewer and shorter faults; writes nothing unless --out is given'),
    valueOption('--rounds <n>', `number of kills of each kind, 1 to ${ROUNDS_MAX}`, wholeNumber(1, ROUNDS_MAX)).default(
      null,
      'depends on --quick',
    ),
    valueOption(
      '--out <file>',
      `document whose results are replaced (default: ${OUT_DEFAULT}); results of tests that do not run stay unchanged`,
    ),
  ],
  toOptions({ out = null, ...values }) {
    if (out === '') throw new UsageError('--out must name a file');
    return { ...values, out: out ?? (values.quick ? null : OUT_DEFAULT) };
  },
};
