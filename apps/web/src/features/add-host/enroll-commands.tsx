import { Tabs } from 'radix-ui';
import { Command } from '../../components/copyable';
import { waysToEnrol } from './commands';

/** What to run so that an agent enrols itself here with this token: one tab for each way to run it. */
export function EnrolCommands({ token }: { token: string }) {
  const ways = waysToEnrol(window.location.origin, token);
  return (
    <Tabs.Root defaultValue={ways[0]!.id}>
      <Tabs.List className="tabs" aria-label="How to run it">
        {ways.map(({ id, title }) => (
          <Tabs.Trigger key={id} value={id} className="tab">
            {title}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {ways.map(({ id, title, needs, command }) => (
        <Tabs.Content key={id} value={id} className="tab-content">
          <p className="soft">{needs}</p>
          <Command text={command} label={`the command for ${title}`} />
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}
