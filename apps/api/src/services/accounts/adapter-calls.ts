import type { BetterAuthOptions, DBAdapter, DBTransactionAdapter, Where } from 'better-auth';

/** The arguments of a call to better-auth's database adapter. */
export interface AdapterCall {
  model: string;
  data?: object;
  update?: object;
  where?: Where[] | undefined;
}

/** Makes a call to an adapter, or a modified one, and returns its result. */
export type AdapterCallWrapper = (
  method: (call: AdapterCall) => Promise<unknown>,
  call: AdapterCall,
) => Promise<unknown>;

export type CreateAdapter = (options: BetterAuthOptions) => DBAdapter;

const METHODS = [
  ...(['create', 'findOne', 'findMany', 'count', 'consumeOne', 'incrementOne'] as const),
  ...(['update', 'updateMany', 'delete', 'deleteMany'] as const),
] as const;

/** Wraps a factory of adapters so that each call, also in a transaction, goes through `around`. */
export const wrapAdapterCalls =
  (createAdapter: CreateAdapter, around: AdapterCallWrapper): CreateAdapter =>
  (options) => {
    const adapter = createAdapter(options);
    return {
      ...adapter,
      ...wrapAdapter(adapter, around),
      transaction: (action) => adapter.transaction((inner) => action(wrapAdapter(inner, around))),
    };
  };

function wrapAdapter<A extends DBTransactionAdapter>(adapter: A, around: AdapterCallWrapper): A {
  const methods = METHODS.map((name) => {
    const method = adapter[name] as (call: AdapterCall) => Promise<unknown>;
    return [name, (call: AdapterCall) => around(method, call)];
  });
  return { ...adapter, ...(Object.fromEntries(methods) as object) };
}
