// request: makes one HTTP call and gives the body of the answer.
import type { Request, Response } from '../../engine/contracts/connector.ts';
import type { FileItem, Row, Value } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import type { RequestTask } from '../../schemas/generated/types.ts';
import { onlyFile } from '../files.ts';
import { operation, refuseOptions } from '../options.ts';

export const request: Task<RequestTask> = {
  op: 'request',
  accepts: ['nothing'],
  yields: 'files',

  async run(_, params, context) {
    if (params.form !== undefined) refuseOptions(params, ['body'], '`form`', '; send one of the two');
    const target = await context.resolve(params.url, params.connection);
    const call = operation(target, 'request');
    const response = await call(requestOf(params, target.path), { signal: context.signal });
    context.result({ status: response.status, headers: response.headers, url: response.url });
    return onlyFile(answer(response), params.format === undefined ? {} : { reading: { format: params.format } });
  },
};

function requestOf({ method, query, headers, body, form, statuses }: RequestTask, url: string): Request {
  const content: Pick<Request, 'body' | 'headers'> =
    form === undefined
      ? { ...(body === undefined ? {} : { body: body as Value }), ...(headers === undefined ? {} : { headers }) }
      : { body: encoded(form), headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } };
  return {
    ...(method === undefined ? {} : { method }),
    url,
    ...(query === undefined ? {} : { query: query as Row }),
    ...(statuses === undefined ? {} : { statuses }),
    ...content,
  };
}

/** A list repeats the field; null leaves it out. */
function encoded(form: Record<string, unknown>): string {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each === null) continue;
      fields.append(name, typeof each === 'object' ? JSON.stringify(each) : String(each));
    }
  }
  return fields.toString();
}

function answer({ url, headers, body }: Response): FileItem {
  const modified = Date.parse(headers['last-modified'] ?? '');
  return {
    name: nameOf(url),
    path: url,
    contentType: headers['content-type'] ?? 'application/octet-stream',
    ...(Number.isNaN(modified) ? {} : { modified: new Date(modified).toISOString() }),
    once: true,
    open: () => body,
  };
}

function nameOf(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1)!;
  if (last === '') return 'response';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
