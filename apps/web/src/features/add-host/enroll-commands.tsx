import { Tabs } from 'radix-ui';
import { Command } from '../../components/copyable';
import { waysToEnrol } from './commands';

/** The commands that start an agent with this enrollment token: one tab for each way to run it. */
export function EnrolCommands({ token }: { token: string }) {
  const ways = waysToEnrol(window.location.origin, token);
  return (
    <Tabs.Root defaultValue={ways[0]!.id}>
      <Tabs.List className="tabs" aria-label="Ways to run the agent">
        {ways.map(({ id, title }) => (
          <Tabs.Trigger key={id} value={id} className="tab">
            {title}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {ways.map(({ id, title, needs, command }) => (
        <Tabs.Content key={id} value={id} className="tab-content">
          <p className="soft">{needs}</p>
          <Command text={command} label={`command for ${title}`} />
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}
