import type { OperationName, Operations } from '@muster/contracts';
import type { z } from 'zod';

/** The names of `:name` in a path. */
type ParameterOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParameterOf<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** What goes into a query: what the parameter means, as text, or several of it. Undefined is left out. */
export type QueryValue = string | number | boolean | readonly (string | number)[] | undefined;

type OperationOf<Name extends OperationName> = (typeof Operations)[Name];

type ParametersOf<Name extends OperationName> = [ParameterOf<OperationOf<Name>['path']>] extends [never]
  ? object
  : { params: Readonly<Record<ParameterOf<OperationOf<Name>['path']>, string>> };

type QueryOf<Name extends OperationName> =
  OperationOf<Name> extends { query: infer Query extends z.ZodType }
    ? { query?: { readonly [Key in keyof z.output<Query>]?: QueryValue } }
    : object;

type BodyOf<Name extends OperationName> =
  OperationOf<Name> extends { body: infer Body extends z.ZodType } ? { body: z.input<Body> } : object;

/** What a call takes: the parameters of its path, its query and its body, as far as it has them. */
export type Input<Name extends OperationName> = ParametersOf<Name> & QueryOf<Name> & BodyOf<Name>;

/** An input of which nothing must be given may be left out. */
export type InputArguments<Name extends OperationName> =
  object extends Input<Name> ? [input?: Input<Name>] : [input: Input<Name>];

type AnswerOf<Schema> = Schema extends z.ZodType ? z.output<Schema> : Schema extends null ? undefined : Response;

/** What a call gives: its JSON; undefined where there is none; the response itself where it is no JSON. */
export type Answer<Name extends OperationName> = AnswerOf<
  OperationOf<Name>['answers'][keyof OperationOf<Name>['answers']]
>;

/** The calls that answer with pages, and what their items are. */
export type PagedName = {
  [Name in OperationName]: Answer<Name> extends { items: readonly unknown[]; nextCursor: string | null } ? Name : never;
}[OperationName];
export type ItemOf<Name extends PagedName> =
  Answer<Name> extends { items: readonly (infer Item)[]; nextCursor: string | null } ? Item : never;
