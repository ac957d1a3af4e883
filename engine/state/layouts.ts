// The layout of the state's SQLite file: each entry leads from one version to the next, and never changes once released.

export const layouts: readonly string[] = [
  `
  create table positions (pipe text not null, name text not null, position text not null, primary key (pipe, name))
    without rowid;
  create table kept_values (space text not null, key text not null, value text not null, until integer,
    primary key (space, key)) without rowid;
  create index kept_values_until on kept_values (until) where until is not null;
  create table locks (name text primary key, owner text not null, host text not null, pid integer not null, born text,
    since text not null, until integer not null) without rowid;
  create table definitions (hash text primary key, definition text not null) without rowid;
  create table runs (seq integer primary key autoincrement, id text not null unique, pipe text not null,
    started_by text not null, started text not null, hash text not null, params text not null,
    host text not null, pid integer not null, born text, alive_until integer not null,
    status text, ended text, seconds real, row_count integer, rejected integer, code text, message text);
  create index runs_pipe on runs (pipe, seq);
  create index runs_pipe_started on runs (pipe, started);
  create index runs_status on runs (status, seq);
  create index runs_hash on runs (hash);
  create table reports (run integer primary key, report text not null);
  create table events (number integer primary key autoincrement, run integer not null, events text not null);
  create index events_run on events (run);
  `,
  `
  create table documents (kind text not null, name text not null, document text not null, primary key (kind, name))
    without rowid;
  alter table runs add column scheduled text;
  `,
  `
  alter table runs add column file text;
  `,
];
