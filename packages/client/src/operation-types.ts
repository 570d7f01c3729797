import type { OperationName, Operations } from '@muster/contracts';
import type { z } from 'zod';

/** The parameter names of a path, written as `:name`. */
type PathParameterName<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | PathParameterName<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** The value of a query parameter. An array repeats the parameter, and undefined omits it. */
export type QueryValue = string | number | boolean | readonly (string | number)[] | undefined;

type OperationOf<Name extends OperationName> = (typeof Operations)[Name];

type ParametersOf<Name extends OperationName> = [PathParameterName<OperationOf<Name>['path']>] extends [never]
  ? object
  : { params: Readonly<Record<PathParameterName<OperationOf<Name>['path']>, string>> };

type QueryOf<Name extends OperationName> =
  OperationOf<Name> extends { query: infer Query extends z.ZodType }
    ? { query?: { readonly [Key in keyof z.output<Query>]?: QueryValue } }
    : object;

type BodyOf<Name extends OperationName> =
  OperationOf<Name> extends { body: infer Body extends z.ZodType } ? { body: z.input<Body> } : object;

/** The input of an operation: path parameters, query and body, as far as the operation has them. */
export type Input<Name extends OperationName> = ParametersOf<Name> & QueryOf<Name> & BodyOf<Name>;

/** The input as an argument. The argument is optional if the operation requires no path parameter and no body. */
export type InputArguments<Name extends OperationName> =
  object extends Input<Name> ? [input?: Input<Name>] : [input: Input<Name>];

type AnswerOf<Schema> = Schema extends z.ZodType ? z.output<Schema> : Schema extends null ? undefined : Response;

/**
 * The result of an operation: the JSON of the response. If the response has no body, it is undefined. If the body is
 * not JSON, it is the response itself.
 */
export type Answer<Name extends OperationName> = AnswerOf<
  OperationOf<Name>['answers'][keyof OperationOf<Name>['answers']]
>;

/** The operations that return pages. */
export type PagedOperationName = {
  [Name in OperationName]: Answer<Name> extends { items: readonly unknown[]; nextCursor: string | null } ? Name : never;
}[OperationName];
export type ItemOf<Name extends PagedOperationName> =
  Answer<Name> extends { items: readonly (infer Item)[]; nextCursor: string | null } ? Item : never;
