import * as fleet from '@muster/fleet';
import type { Http } from '@muster/testkit/http';

export type { Operator } from '@muster/fleet';

/** Creates an operator that uses the connections of `client` and does not repeat calls. */
export const createOperator = (client: Http, key: string): fleet.Operator =>
  fleet.createOperator(client, key, { attemptsMax: 1 });

/** Creates an enrollment token that can be used `maxUses` times. */
export const createEnrollment = (operator: fleet.Operator, maxUses: number) =>
  operator.call('createEnrollmentToken', { body: { name: 'faults', maxUses } });
