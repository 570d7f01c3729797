import { Tabs } from 'radix-ui';
import { Command } from '../../components/copyable';
import { SERVER_URL } from '../../lib/base-path';
import { installMethods } from './install-methods';

/** The commands that start an agent with this enrollment token, with one tab for each way to run the agent. */
export function EnrollCommands({ token }: { token: string }) {
  const methods = installMethods(SERVER_URL, token);
  return (
    <Tabs.Root defaultValue={methods[0]!.id}>
      <Tabs.List className="tabs" aria-label="Ways to run the agent">
        {methods.map(({ id, title }) => (
          <Tabs.Trigger key={id} value={id} className="tab">
            {title}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {methods.map(({ id, title, description, command }) => (
        <Tabs.Content key={id} value={id} className="tab-content">
          <p className="soft">{description}</p>
          <Command text={command} label={`command for ${title}`} />
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}
