import type { Host } from '@muster/contracts';
import { distinguishHost } from '@muster/contracts/distinguish-host';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { IsolatedText } from '../../components/isolated-text';
import { formatNumber } from '../../lib/format-count';

const GIBIBYTE = 1024 ** 3;

/** The fields that a server before version 0.5 does not send. */
type NewField = 'nameIsShared' | 'nameSetByOperator' | 'addresses' | 'kernel' | 'cpus' | 'memoryBytes' | 'engineFacts';

/** The facts about the machine that the agent reports, as entries of the list of details. */
export function HostFacts({ host }: { host: Omit<Host, NewField> & Partial<Pick<Host, NewField>> }): ReactNode {
  const { name, nameIsShared = false, nameSetByOperator = false, addresses = null } = host;
  const { kernel = null, cpus = null, memoryBytes = null, engineFacts = null } = host;
  return (
    <>
      {nameIsShared && (
        <Fact title="Same name">
          <Link to="/hosts" search={{ q: name }}>
            Several hosts
          </Link>{' '}
          have this name. This one: <IsolatedText text={distinguishHost(host)} />
        </Fact>
      )}
      {nameSetByOperator && <Fact title="Name">Set by an operator</Fact>}
      {addresses !== null && addresses.length > 0 && (
        <Fact title="Addresses">
          <IsolatedText text={addresses.join(', ')} />
        </Fact>
      )}
      {kernel !== null && (
        <Fact title="Kernel">
          <IsolatedText text={kernel} />
        </Fact>
      )}
      {cpus !== null && <Fact title="CPUs">{formatNumber(cpus)}</Fact>}
      {memoryBytes !== null && <Fact title="Memory">{(memoryBytes / GIBIBYTE).toFixed(1)} GiB</Fact>}
      {engineFacts !== null && <EngineEntries facts={engineFacts} />}
    </>
  );
}

function EngineEntries({ facts }: { facts: NonNullable<Host['engineFacts']> }) {
  const { rootless, cgroupVersion, storageDriver, swarmRole, swarmNodeId } = facts;
  return (
    <>
      {rootless !== null && <Fact title="Rootless">{rootless ? 'Yes' : 'No'}</Fact>}
      {cgroupVersion !== null && (
        <Fact title="Cgroup version">
          <IsolatedText text={cgroupVersion} />
        </Fact>
      )}
      {storageDriver !== null && (
        <Fact title="Storage driver">
          <IsolatedText text={storageDriver} />
        </Fact>
      )}
      {swarmRole !== null && (
        <Fact title="Swarm">
          <IsolatedText text={swarmRole} /> <IsolatedText text={swarmNodeId ?? ''} />
        </Fact>
      )}
    </>
  );
}

function Fact({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <dt>{title}</dt>
      <dd className="break">{children}</dd>
    </>
  );
}
