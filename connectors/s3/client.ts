// The ways to the store, with the connection's endpoint, region and credential: directly, and through the SDK, which is loaded when it is first used.
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { CallOptions, ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import type { Log } from '../../engine/contracts/task.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import type { S3Config } from '../../schemas/generated/types.ts';
import { createDirect, type Direct, isPlainBucket } from './direct.ts';
import { type Doing, failureFor, isExpired } from './failures.ts';
import type { Location } from './keys.ts';
import { roleCredential } from './role.ts';
import type { Keys } from './sign.ts';

/** Without the secret fields, which come from the store. */
export type Config = Omit<S3Config, 'connector' | 'access_key_id' | 'secret_access_key' | 'session_token'>;

export type Sdk = typeof import('@aws-sdk/client-s3');

interface Loaded {
  client: S3Client;
  sdk: Sdk;
}

interface Live {
  load(): Promise<Loaded>;
  credentials(): Promise<Keys>;
  region: string;
  host: string;
  direct: Direct;
}

export interface Store {
  readonly config: Config;
  readonly connection: string;
  readonly retry: ConnectorContext['retry'];
  readonly log: Log;
  /** Through the SDK: one request, not repeated. Rejects with a failure that says whether it may be. */
  once<T>(action: string, at: Location, o: CallOptions, work: SdkWork<T>): Promise<T>;
  /** The same, repeated while the failure says so. */
  call<T>(action: string, at: Location, o: CallOptions, work: SdkWork<T>): Promise<T>;
  /** Whether the bucket can be asked without the SDK. */
  isDirect(bucket: string): boolean;
  /** Without it: one request, not repeated. */
  directly<T>(action: string, at: Location, o: CallOptions, work: (direct: Direct) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

type SdkWork<T> = (client: S3Client, sdk: Sdk, o: { abortSignal: AbortSignal }) => Promise<T>;

export function createStore(config: Config, context: ConnectorContext): Store {
  let live: Promise<Live> | undefined;
  const opened: { destroy(): void }[] = [];

  const open = async (): Promise<Live> => {
    const credential = await context.credential();
    let loading: Promise<Loaded> | undefined;
    const load = () => {
      loading ??= loaded(config, credential, context).then((found) => {
        opened.push(found.client);
        return found;
      });
      return loading;
    };
    const named = config.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
    const own = config.role_arn === undefined ? ownKeys(credential, context) : undefined;
    const credentials = async () => own ?? (await load()).client.config.credentials();
    const region = named ?? (config.profile === undefined ? 'us-east-1' : await (await load()).client.config.region());
    const host = config.endpoint === undefined ? `s3.${region}.amazonaws.com` : new URL(config.endpoint).host;
    const direct = createDirect(config, { region, credentials });
    opened.push({ destroy: () => void direct.close().catch(() => {}) });
    return { load, credentials, region, host, direct };
  };
  const current = () => {
    live ??= open().catch((error: unknown) => {
      live = undefined;
      throw error;
    });
    return live;
  };

  const attempt = async <T>(
    action: string,
    { bucket, shown }: Location,
    { signal }: CallOptions,
    work: (used: Live) => Promise<T>,
  ): Promise<T> => {
    signal.throwIfAborted();
    const doing: Doing = {
      connection: context.name,
      shown,
      action,
      bucket,
      host: config.endpoint ?? 'Amazon S3',
      region: config.region ?? 'us-east-1',
      profile: config.profile,
    };
    let used: Live | undefined;
    let using: Promise<Live> | undefined;
    try {
      using = current();
      used = await using;
      doing.host = used.host;
      doing.region = used.region;
      return await work(used);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const known = failureFor(error, doing);
      if (!isExpired(error) || used === undefined) throw known;
      // A client keeps the credential it has got; a new one asks for it again.
      const renewed = live !== using || (await outlived(used));
      if (live === using) live = undefined;
      throw failure(known.code, known.data, { cause: known.cause, retry: renewed });
    }
  };

  const once: Store['once'] = (action, at, o, work) =>
    attempt(action, at, o, async ({ load }) => {
      const { client, sdk } = await load();
      return work(client, sdk, { abortSignal: o.signal });
    });

  return {
    config,
    connection: context.name,
    retry: context.retry,
    log: context.log,
    once,
    call: (action, at, o, work) => context.retry(() => once(action, at, o, work), o),
    isDirect: (bucket) => !config.requester_pays && isPlainBucket(config, bucket),
    directly: (action, at, o, work) => attempt(action, at, o, ({ direct }) => work(direct)),
    async close() {
      await live?.catch(() => {});
      for (const each of opened) each.destroy();
    },
  };

  /** Whether the store of credentials has another one by now. */
  async function outlived({ credentials }: Live): Promise<boolean> {
    if (config.role_arn !== undefined) return true;
    const before = await credentials();
    const now = await context.credential();
    return now.session_token?.reveal() !== before.sessionToken || now.access_key_id?.reveal() !== before.accessKeyId;
  }
}

export function payer({ config }: Store): { RequestPayer?: 'requester' } {
  return config.requester_pays ? { RequestPayer: 'requester' } : {};
}

/** Stores other than Amazon's often know no checksums in headers. */
export function hasChecksums({ checksums, endpoint }: Config): boolean {
  return (checksums ?? (endpoint === undefined ? 'when_supported' : 'when_required')) === 'when_supported';
}

async function loaded(config: Config, credential: Credential, context: ConnectorContext): Promise<Loaded> {
  // It would warn of this Node's age on every run; package.json says which ones are supported.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  return { sdk, client: new sdk.S3Client(settings(config, credential, context)) };
}

function settings(config: Config, credential: Credential, context: ConnectorContext): S3ClientConfig {
  const { endpoint } = config;
  const checksums = hasChecksums(config) ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  const region = config.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  const sockets = { keepAlive: true, maxSockets: Math.max(64, (config.concurrency ?? 4) * 4) };
  return {
    ...(region === undefined && config.profile === undefined ? { region: 'us-east-1' } : region && { region }),
    ...(config.profile === undefined ? {} : { profile: config.profile }),
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: config.path_style ?? endpoint !== undefined,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    // The engine waits and counts.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: durationMs(config.connect_timeout ?? '10s'),
      socketTimeout: durationMs(config.read_timeout ?? '60s'),
      httpAgent: sockets,
      httpsAgent: sockets,
    },
    ...credentials(config, credential, context, region ?? 'us-east-1'),
  };
}

/** Nothing where the SDK is to look itself: environment, profile, machine. */
function credentials(
  config: Config,
  credential: Credential,
  context: ConnectorContext,
  region: string,
): Pick<S3ClientConfig, 'credentials' | 'signer'> {
  if (config.anonymous) {
    const nobody = { accessKeyId: '', secretAccessKey: '' };
    return { credentials: nobody, signer: { sign: async (request) => request } };
  }
  const own = ownKeys(credential, context);
  if (config.role_arn !== undefined) return { credentials: roleCredential(config, own, context.name, region) };
  return own === undefined ? {} : { credentials: own };
}

/** Undefined where the credential has none. */
function ownKeys(credential: Credential, { name: connection }: ConnectorContext): Keys | undefined {
  const id = credential.access_key_id?.reveal();
  const secret = credential.secret_access_key?.reveal();
  const token = credential.session_token?.reveal();
  if ((id === undefined) !== (secret === undefined)) {
    const fields = id === undefined ? 'access_key_id' : 'secret_access_key';
    throw failure('CREDENTIAL_MISSING', { connection, fields, hint: ', which goes with the other' });
  }
  for (const [field, value = ''] of Object.entries({ access_key_id: id, session_token: token })) {
    if (!/[^\t\x20-\x7e]/.test(value)) continue;
    // The SDK would find out in the middle of a request, and leave its timers behind.
    const reason = `its ${field} has a line break or another character that a header cannot carry; store it again`;
    throw failure('CREDENTIAL_REFUSED', { connection, reason });
  }
  if (id === undefined || secret === undefined) return undefined;
  return { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) };
}
