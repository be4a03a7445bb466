// Starts the real server on a free port for one test, and proves on stop that it left nothing behind.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? path.resolve(here, '../../target');

export const binary = process.env.MILLRACE_BIN ?? path.join(target, 'debug', 'millrace');
// The server takes MILLRACE_… for settings and refuses those it does not know.
const plain = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')));

/** What was found out about this machine, by name of the file: made once, where a server of its own would do so again. */
let found;
function rememberMachine(cache) {
  if (found === undefined) {
    const dir = temporary(), kept = path.join(dir, 'millrace');
    // Whatever it is to look at.
    spawnSync(binary, ['probe', binary], { stdio: 'ignore', env: { ...plain, XDG_CACHE_HOME: dir, CACHE_DIRECTORY: '' } });
    const names = fs.existsSync(kept) ? fs.readdirSync(kept) : [];
    found = names.map(name => [name, fs.readFileSync(path.join(kept, name))]);
    fs.rmSync(dir, { recursive: true, force: true });
  }
  fs.mkdirSync(cache, { recursive: true });
  for (const [name, bytes] of found) {
    const target = path.join(cache, name);
    if (!fs.existsSync(target)) fs.writeFileSync(target, bytes);
  }
}

export const sleep = ms => new Promise(done => setTimeout(done, ms));
export const temporary = () => fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-players-'));

/** Calls `look` until it answers something true, at most `ms`; what it saw last is in the error. */
export async function until(what, ms, look, every = 100) {
  const end = Date.now() + ms;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${typeof what === 'function' ? what() : what}`);
    await sleep(every);
  }
}

/** The folder with the test films, made on first use. */
export function media() {
  const dir = process.env.PLAYER_MEDIA ?? path.join(os.tmpdir(), 'millrace-player-media');
  execFileSync(path.join(here, 'make-media.sh'), [dir], { stdio: ['ignore', 'ignore', 'inherit'] });
  return dir;
}

/** One request whose path goes out exactly as given: no clean-up of `..`, any Host. */
export function raw(base, target, { method = 'GET', headers = {}, body, timeout = 30_000 } = {}) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path: target, method, headers, agent: false, timeout }, answer => {
      const parts = [];
      answer.on('data', part => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeout} ms: ${method} ${target}`)));
    request.on('error', reject);
    request.end(body);
  });
}

export async function json(base, target) {
  const { status, body } = await raw(base, target);
  assert.equal(status, 200, `GET ${target}: ${status} ${body}`);
  return JSON.parse(body);
}

function processes() {
  const all = [];
  for (const pid of fs.readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const cmdline = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      all.push({ pid: +pid, parent: +parent, state, started: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19], cmdline });
    } catch { /* it ended while we looked */ }
  }
  return all;
}

/** The workers below process `root`, by their chain of parents. */
export function workersOf(root) {
  const all = processes();
  const below = new Set([root]);
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const p of all) if (below.has(p.parent)) below.add(p.pid);
  }
  return all.filter(p => below.has(p.pid) && p.cmdline.split('\0')[1] === 'worker' && p.cmdline.startsWith(binary));
}

/** Those of `known` that still run: the same pid and start time, and not a zombie that only waits for its parent. */
export const stillRunning = known => processes().filter(p =>
  p.state !== 'Z' && known.some(k => k.pid === p.pid && k.started === p.started));

/**
 * Serves `library` as "Films", or each entry of `libraries` (name → folder). With `home` the state of an earlier
 * server is used, and kept.
 */
export async function startServer({ library, libraries = { Films: library }, home, environment = {} }) {
  assert.ok(fs.existsSync(binary), `no server at ${binary}: build it, or name it in MILLRACE_BIN`);
  const root = home ?? temporary();
  const cache = path.join(root, 'cache');
  rememberMachine(cache);
  const args = ['serve', '--listen', '127.0.0.1:0', '--state-dir', path.join(root, 'state'), '--cache-dir', cache];
  for (const [name, dir] of Object.entries(libraries)) args.push('--library', `${name}=${dir}`);
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...plain, ...environment } });
  let out = '', log = '', ended = null;
  child.stdout.setEncoding('utf8').on('data', text => { out += text; });
  child.stderr.setEncoding('utf8').on('data', text => { log = (log + text).slice(-200_000); });
  const exit = new Promise(done => {
    child.once('exit', (code, signal) => { ended = signal ?? code; done(ended); });
    child.once('error', error => { ended = String(error); done(ended); });
  });
  const orphan = () => { try { child.kill('SIGKILL'); } catch { /* gone already */ } };
  process.once('exit', orphan);
  const clean = () => { process.off('exit', orphan); if (!home) fs.rmSync(root, { recursive: true, force: true }); };
  const alive = () => { if (ended !== null) throw new Error(`the server ended (${ended}):\n${out}${log}`); };

  const server = {
    pid: child.pid,
    log: () => log,
    workers: () => workersOf(child.pid),
    /** SIGTERM: it ends cleanly, in time, and within 3 s none of its workers is left. */
    async stop() {
      const workers = workersOf(child.pid);
      if (ended === null) child.kill('SIGTERM');
      const how = await Promise.race([exit, sleep(15_000).then(() => 'still running after 15 s')]);
      if (ended === null) { child.kill('SIGKILL'); await exit; }
      try {
        await until(() => `workers left: ${stillRunning(workers).map(p => p.pid)}`, 3000, () => stillRunning(workers).length === 0);
      } finally { clean(); }
      assert.equal(how, 0, `the server did not end cleanly: ${how}\n${log.slice(-4000)}`);
    },
    /** SIGKILL, and nothing else: answers the workers it had at that moment. */
    async kill() {
      const workers = workersOf(child.pid);
      child.kill('SIGKILL');
      await exit;
      clean();
      return workers;
    },
  };
  try {
    const address = await until(() => `a line with the address on stdout; it said:\n${out}${log}`, 20_000,
      () => { alive(); return /http:\/\/127\.0\.0\.1:\d+\//.exec(out)?.[0]; });
    server.url = address.replace(/\/$/, '');
    await until('GET /readyz 200', 20_000, async () => { alive(); return (await raw(server.url, '/readyz')).status === 200; });
    server.scan = await until('scan done', 60_000, async () => {
      alive();
      const status = await json(server.url, '/api/scan/status');
      return status.state === 'done' && status;
    });
    server.list = (await json(server.url, '/api/files?limit=1000')).files;
    server.files = Object.fromEntries(server.list.map(file => [file.name, file]));
  } catch (error) {
    orphan();
    await exit;
    clean();
    throw error;
  }
  return server;
}
