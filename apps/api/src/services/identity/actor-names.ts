import type { Database } from '@muster/db';

/**
 * Returns the current names of the actors that are users or API keys, by actor (such as `user:<id>`). Removed users are
 * included.
 */
export async function findActorNames(
  { prisma }: Pick<Database, 'prisma'>,
  actors: readonly string[],
): Promise<Map<string, string>> {
  const ids = (kind: string) => [
    ...new Set(actors.filter((actor) => actor.startsWith(kind)).map((actor) => actor.slice(kind.length))),
  ];
  const [users, keys] = [ids('user:'), ids('api_key:')];
  const select = { id: true, name: true } as const;
  const found = {
    user: users.length === 0 ? [] : await prisma.user.findMany({ where: { id: { in: users } }, select }),
    api_key: keys.length === 0 ? [] : await prisma.apiKey.findMany({ where: { id: { in: keys } }, select }),
  };
  return new Map(
    Object.entries(found).flatMap(([kind, rows]) => rows.map(({ id, name }) => [`${kind}:${id}`, name] as const)),
  );
}
