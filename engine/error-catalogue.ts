// The catalogue of every error we raise: whose fault it is, whether trying again helps, and what it says.

/** Whose fault it is: decides the exit code and the tone. */
export type Fault = 'definition' | 'input' | 'remote' | 'connection' | 'bug' | 'interrupted';

export interface Entry {
  fault: Fault;
  /** Whether trying again may help. Only this decides retries. */
  retry?: boolean;
  /** `{name}` is replaced by `data.name`. Says what is wrong, then what to do. */
  message: string;
}

export const catalogue = {
  // Definitions
  FILE_NOT_FOUND: { fault: 'definition', message: '{path} does not exist{hint}' },
  FILE_IS_FOLDER: {
    fault: 'definition',
    message: '{path} is a folder; name a file in it, or a pattern such as {path}/*.csv',
  },
  DEFINITION_INVALID: { fault: 'definition', message: '{count} in {file}; nothing was run' },
  PARAM_MISSING: { fault: 'definition', message: 'parameter "{name}" has no value; give it with -p {name}=…' },
  PARAM_UNKNOWN: { fault: 'definition', message: 'there is no parameter "{name}"{hint}' },
  PARAM_INVALID: { fault: 'definition', message: 'parameter "{name}" {reason}' },
  PATH_INVALID: { fault: 'definition', message: 'the path "{path}" {reason}' },
  CONNECTION_UNKNOWN: { fault: 'connection', message: 'there is no connection "{name}"{hint}' },
  CAPABILITY_MISSING: { fault: 'definition', message: '{connector} cannot {capability}{hint}' },
  OPTION_UNSUPPORTED: { fault: 'definition', message: '{what} is not supported by {where}{hint}' },
  EXPRESSION_SYNTAX: { fault: 'definition', message: 'the expression {expression} cannot be read: {reason}' },
  FORMAT_UNKNOWN: {
    fault: 'definition',
    message: 'cannot tell the format of {path}; say it with `format:`, one of {known}',
  },
  NOT_RESUMABLE: {
    fault: 'definition',
    message: '{path} cannot be read on from a checkpoint: {reason}',
  },
  CHECKPOINT_CHANGED: {
    fault: 'definition',
    message:
      '{where}: what run {run} left is of another definition: {what}. Undo the change to go on from there, or say --restart to begin anew; what was written stays',
  },
  CHECKPOINT_LOST: {
    fault: 'input',
    message: '{path} cannot be gone on with: {reason}; say --restart to begin anew; what was written stays',
  },
  PIPE_BUSY: {
    fault: 'input',
    message: 'another run of {pipe} is going on ({holder}), and two would deliver the same rows; wait for it to end',
  },
  STATE_NEEDED: {
    fault: 'definition',
    message: '{what} needs a place to be kept in between runs, and {why}',
  },
  CURSOR_UNSUITED: {
    fault: 'definition',
    message: '{where}: the column "{column}" cannot be a cursor: {reason}',
  },
  OPERATION_PENDING: {
    fault: 'definition',
    message: '{what} is part of the language but this version cannot run it yet',
  },

  // Input
  EXPRESSION_FAILED: { fault: 'input', message: '{where}: {expression} failed{record}: {reason}' },
  CONDITION_NOT_BOOLEAN: {
    fault: 'input',
    message: '{where}: {expression} must give true or false, and gave {value}{record}',
  },
  CASE_MISSING: {
    fault: 'input',
    message: '{where}: the value is "{value}", and there is no case for it: {cases}; add one, or a `default`',
  },
  PIPE_LOOP: { fault: 'definition', message: '{where}: pipes run each other in a loop: {chain}' },
  ITEMS_INVALID: { fault: 'input', message: '{where}: `items` must give a list, and gave {value}' },
  OUTPUTS_DIFFER: {
    fault: 'input',
    message: '{where}: what one item gives is unlike what the first gave: {difference}; end its tasks with a select',
  },
  ITEMS_FAILED: { fault: 'input', message: '{where}: {failed} of {items} items failed; the first with {first}' },
  DELAY_RANGE: { fault: 'definition', message: '{where}: a delay is 1 ms to 366 days long, and this one {length}' },
  STATE_VALUE_INVALID: { fault: 'input', message: '{where}: {value} cannot be kept: {reason}' },
  INPUT_EMPTY: { fault: 'input', message: '{path} is empty; {hint}' },
  INPUT_MALFORMED: { fault: 'input', message: '{path}:{line}: {reason}' },
  INPUT_TRUNCATED: { fault: 'input', message: '{path} ends too early: {reason}' },
  INPUT_ENCODING: { fault: 'input', message: '{path}:{line}: {reason}' },
  RAGGED_ROW: {
    fault: 'input',
    message:
      '{path}:{line}: {found} where the header has {expected}; mend the file, or say `ragged: pad` or `ragged: skip` in its format',
  },
  COLUMN_UNKNOWN: { fault: 'input', message: '{where}: there is no column "{column}"{record}{hint}' },
  COLUMN_TWICE: { fault: 'input', message: '{where}: the column "{column}" would be there twice{record}; {hint}' },
  COLUMNS_DIFFER: {
    fault: 'input',
    message: '{path}: its columns differ from those of {first}: {difference}; say `schema: union` to read both',
  },
  COLUMN_APPEARED: {
    fault: 'input',
    message:
      '{path}: record {position} has a column "{column}" that the first ones had not; name the columns with a select task before the write',
  },
  VALUE_INVALID: { fault: 'input', message: '{where}: {value} is not {expected}{record}' },
  VALUE_LOSSY: {
    fault: 'input',
    message: '{where}: {value} does not fit {target} without loss{record}{hint}',
  },
  TYPES_MIXED: {
    fault: 'input',
    message:
      '{where}: the column "{column}" is {found}{record} ({value}), but {other}; values of two types have no order, so cast the column first',
  },
  LIST_TOO_LONG: {
    fault: 'input',
    message:
      '{where}: the list "{column}" of a group has more than {most} values; allow more with `max_values`, or count them, or take fewer',
  },
  RECORD_INVALID: { fault: 'input', message: 'record {position}: {reason}' },
  TARGET_EXISTS: {
    fault: 'input',
    message: '{path} is already there and the mode is `create`; remove it, or say `mode: replace`',
  },
  ARCHIVE_UNSAFE: { fault: 'input', message: '{path}: the entry "{entry}" {reason}' },
  SCHEMA_INVALID: { fault: 'definition', message: '{where}: the JSON Schema {reason}' },
  CODE_FAILED: { fault: 'input', message: '{where}: {code} failed{record}: {reason}' },
  CODE_RESULT: { fault: 'input', message: '{where}: {code} returned {found}{record}; {expected}' },
  CODE_LIMIT: { fault: 'input', message: '{where}: {code} took {what}{record}; {hint}' },
  MODULE_INVALID: { fault: 'definition', message: '{where}: {module} {reason}' },
  MODULE_REFUSED: {
    fault: 'definition',
    message:
      '{where}: the module {module} is not called: {reason}; use `script`, which runs in a sandbox, or run a pipe file of the project',
  },
  PIPE_FAILED: { fault: 'input', message: '{message}' },

  // Files and machines
  NOT_FOUND: { fault: 'input', message: '{path} is not there{hint}' },
  FOLDER_NOT_EMPTY: {
    fault: 'input',
    message: '{path} is a folder with something in it; delete that first, with the pattern {path}/**',
  },
  PERMISSION_DENIED: { fault: 'connection', message: '{path}: permission denied{hint}' },
  DISK_FULL: { fault: 'remote', message: '{path}: no space left on the disk; nothing of it was kept' },
  IO_FAILED: { fault: 'remote', message: '{path}: {reason}' },
  STDIN_CLOSED: {
    fault: 'input',
    message: 'stdin is closed or a terminal; pipe data into it, as in `cat file | pipe run …`',
  },

  // Remote systems
  CONNECTION_REFUSED: { fault: 'remote', retry: true, message: 'nothing answers at {host}{hint}' },
  CONNECTION_LOST: { fault: 'remote', retry: true, message: '{host}: the connection broke: {reason}' },
  HOST_UNKNOWN: { fault: 'remote', message: 'there is no host {host}; look at the spelling and at the network' },
  TLS_FAILED: { fault: 'connection', message: '{host}: {reason}' },
  HOST_KEY_UNKNOWN: {
    fault: 'connection',
    message: '{host} shows the key {key}, which is not in {file}; {advice}',
  },
  HOST_KEY_CHANGED: {
    fault: 'connection',
    message: '{host} shows the key {key}, and that is not the one we know; someone may be listening in: {reason}',
  },
  TIMED_OUT: { fault: 'remote', retry: true, message: '{what} took longer than {seconds} s' },
  HTTP_STATUS: { fault: 'remote', message: '{method} {url} answered {status}{reason}' },
  HTTP_BUSY: { fault: 'remote', retry: true, message: '{method} {url} answered {status}{reason}' },
  ANSWER_UNEXPECTED: { fault: 'remote', message: '{method} {url} {reason}' },
  PAGES_REPEAT: {
    fault: 'remote',
    message: '{path}: the service gives the same page again and again, {page}; nothing more was read',
  },
  HTTP_REDIRECT: { fault: 'remote', message: '{method} {url} redirects {reason}' },
  BODY_TRUNCATED: {
    fault: 'remote',
    retry: true,
    message: '{url}: the body ended after {received} of {expected} bytes',
  },
  CHECKSUM_MISMATCH: {
    fault: 'remote',
    message: '{path}: the checksums differ, so bytes were changed {what}; run again',
  },
  MAIL_REFUSED: {
    fault: 'remote',
    message: '{connection}: the mail server refuses {what}: {reason}; nothing was sent',
  },
  MAIL_TOO_LARGE: {
    fault: 'input',
    message:
      '{connection}: the message has more than the {limit} bytes that the mail server takes; attach less, or send links',
  },
  MAIL_UNCERTAIN: {
    fault: 'remote',
    message:
      '{connection}: the connection broke when the message was complete, so nobody knows whether it was taken; look before you send it again: {reason}',
  },
  HOST_NOT_ALLOWED: {
    fault: 'definition',
    message: '{host} is not a host of connection {connection}; its allowed hosts are {allowed}',
  },

  // Databases
  SQL_REFUSED: { fault: 'definition', message: '{where}: the server refuses the SQL: {reason}' },
  ROW_REFUSED: { fault: 'input', message: '{where}{record}: {reason}' },
  KEY_MISSING: {
    fault: 'definition',
    message:
      '{path}: `mode: upsert` needs `key`, the columns that tell one record from another; they need a primary key or a unique index',
  },
  WRITERS_BLOCKED: {
    fault: 'definition',
    message:
      '{path}: another write of this run waits for rows that this one has changed, and this one for it to be ready; bring both together with a merge task before one write, or write them in two pipes',
  },
  DATABASE_BUSY: { fault: 'remote', retry: true, message: '{where}: {reason}' },
  DATABASE_FAILED: { fault: 'remote', message: '{where}: {reason}' },

  // Connections and credentials
  CREDENTIAL_REFUSED: { fault: 'connection', message: '{connection}: the credential was refused: {reason}' },
  CREDENTIAL_MISSING: { fault: 'connection', message: '{connection}: no value for {fields}{hint}' },
  CREDENTIAL_CHANGED: {
    fault: 'connection',
    retry: true,
    message: 'the credential "{name}" was changed by someone else meanwhile',
  },
  CREDENTIAL_NAME_INVALID: {
    fault: 'connection',
    message:
      '"{name}" cannot name a credential: use up to 128 letters, digits, ".", "_" and "-", and begin and end with a letter or digit',
  },
  CREDENTIAL_TOO_LARGE: {
    fault: 'connection',
    message: 'the credential "{name}" has {bytes} bytes and {store} takes {limit}; keep it in the `file` store',
  },
  SECRET_AS_ARGUMENT: {
    fault: 'definition',
    message:
      "{field} is a secret, and arguments can be seen by others; use --secret-from-stdin {field}, or a reference such as --set '{field}=${env.NAME}'",
  },
  SECRET_MISSING: { fault: 'connection', message: 'secret("{name}") is not in {stores}{hint}' },
  SECRET_UNREADABLE: { fault: 'connection', message: '{owner}: file("{path}") {reason}' },
  STORE_UNKNOWN: { fault: 'definition', message: 'there is no credential store "{name}"; the stores are {known}' },
  STORE_OPTION_INVALID: { fault: 'definition', message: 'the credential store {store}: {reason}' },
  STORE_READ_ONLY: {
    fault: 'connection',
    message: 'nothing can be kept in {stores}; name a store that can be written, such as `credentials: file`',
  },
  STORE_UNAVAILABLE: { fault: 'connection', message: '{store} cannot be used: {reason}{hint}' },
  STORE_LOCKED: { fault: 'connection', message: '{store} is locked: {reason}{hint}' },
  STORE_DENIED: { fault: 'connection', message: '{store} refused {what} (403): {reason}' },
  STORE_UNREACHABLE: {
    fault: 'connection',
    retry: true,
    message: '{store} does not answer: {reason}; look at its address and at the network',
  },
  STORE_FAILED: { fault: 'connection', message: '{store}: {reason}' },
  STORE_BUSY: {
    fault: 'connection',
    retry: true,
    message:
      '{path} is being written by others for {seconds} s already; try again, or remove {path}.lock if nothing is running',
  },
  STORE_EXPOSED: {
    fault: 'connection',
    message: '{path} can be read by other users (mode {mode}); `chmod 600 {path}` makes it yours alone',
  },
  STORE_CORRUPT: {
    fault: 'connection',
    message: '{path} is damaged: {reason}; restore it from a backup, or move it away and add the credentials again',
  },
  STORE_TOO_NEW: {
    fault: 'connection',
    message:
      '{path} was written by a newer version of Pipewright (its layout is {version}, this one knows {known}); update Pipewright',
  },
  PASSPHRASE_MISSING: {
    fault: 'connection',
    message:
      '{path} is kept encrypted and there is no passphrase; set PIPE_PASSPHRASE, or name a file that holds it with `passphrase_file`',
  },
  PASSPHRASE_WRONG: {
    fault: 'connection',
    message: 'the passphrase does not open {path}; the one from {source} is not the one it was made with',
  },
  CONNECTION_INVALID: { fault: 'connection', message: '{reason}' },
  CONNECTIONS_INVALID: {
    fault: 'connection',
    message: '{count} about connections in {file}; `pipe check {file}` shows them again',
  },
  CONNECTIONS_UNREADABLE: { fault: 'connection', message: '{path}:{line} cannot be changed: {reason}' },
  CONNECTION_EXISTS: {
    fault: 'connection',
    message:
      'there is a connection "{name}" in {where} already; choose another alias, or change it with `pipe connections edit {name}`',
  },
  CONNECTION_DISABLED: {
    fault: 'connection',
    message: '{connection} is disabled; `pipe connections enable {connection}` makes it usable again',
  },

  // The state
  STATE_TOO_NEW: {
    fault: 'remote',
    message:
      '{path} was written by a newer version of Pipewright (its layout is {version}, this one knows {known}); update Pipewright',
  },
  STATE_CORRUPT: {
    fault: 'remote',
    message: '{path} is damaged: {reason}; restore it from a backup, or move it away to begin without a history',
  },
  STATE_READ_ONLY: { fault: 'remote', message: '{path} cannot be written: {reason}{hint}' },
  STATE_BUSY: { fault: 'remote', retry: true, message: '{path} is being written by others for {seconds} s already' },
  STATE_FAILED: { fault: 'remote', message: '{path}: {reason}' },
  TRIGGER_UNKNOWN: { fault: 'definition', message: '{file} {why}' },
  SCHEDULE_UNSUITED: {
    fault: 'definition',
    message: '{file}: trigger {trigger} cannot be said in {where}: {reason}; {advice}',
  },
  RUN_UNKNOWN: { fault: 'definition', message: 'there is no run {id}{hint}' },
  RUN_NOT_BROKEN: { fault: 'definition', message: 'run {id} {status}, so there is nothing to go on with{hint}' },
  RUN_CHANGED: {
    fault: 'definition',
    message:
      '{file} has changed since run {id}, in what that run had done: {what}. Undo the change to go on from there, say --restart to begin anew with the file as it is now, or `pipe runs replay {id}` to run it as it was; what was written stays',
  },
  RUN_SECRETS_NEEDED: {
    fault: 'definition',
    message: 'the history keeps no secrets: run {id} needs {names} again; give {options}',
  },
  RUN_SECRETS_HIDDEN: {
    fault: 'definition',
    message: 'the definition of run {id} had secrets in it, which the history does not keep{hint}',
  },

  // Tests and cassettes
  TEST_INPUT_MISSING: {
    fault: 'definition',
    message: '{where}: the test has nothing for {what}, and a test opens nothing itself; {advice}',
  },
  CASSETTE_UNMATCHED: { fault: 'input', message: '{request} is not in {file}{hint}' },
  CASSETTE_INVALID: { fault: 'definition', message: 'the cassette {file} cannot be used: {reason}' },
  CASSETTE_UNSAFE: {
    fault: 'input',
    message: '{file} was not written: a secret would still be in it; record without what holds it',
  },
  CASSETTE_TOO_LARGE: {
    fault: 'input',
    message: 'nothing was written to {folder}: what was recorded has more than {mib} MiB; record less, as with --limit',
  },

  // The run
  INTERRUPTED: { fault: 'interrupted', message: 'interrupted; nothing half-written is left' },
  UNUSED_RESULT: { fault: 'bug', message: '{what}' },
  BUG: { fault: 'bug', message: '{reason}; this is a mistake in Pipewright, please report it' },
} as const satisfies Record<string, Entry>;
