// What the service tells of itself while films are asked for: /metrics, /api/events and /api/streams.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { playlist, variants } from './films.mjs';
import { json, media, raw, startServer, until } from './server.mjs';

const RUNG = 'kind="encode",media="video"';
let server, film, segments;

before(async () => {
  server = await startServer({ library: media() });
  film = server.files['two_languages.mkv'];
  segments = (await playlist((await variants(`${server.url}/hls/${film.id}/index.m3u8?copy=none`)).at(-1).url)).segments;
}, { timeout: 180_000 });
after(() => server?.stop());

/** Every sample by its name and labels as they are written. */
async function metrics() {
  const { status, body } = await raw(server.url, '/metrics');
  assert.equal(status, 200);
  const samples = body.toString().split('\n').filter(line => line && !line.startsWith('#'));
  return Object.fromEntries(samples.map(line => [line.slice(0, line.lastIndexOf(' ')), +line.slice(line.lastIndexOf(' ') + 1)]));
}

const segment = async n => {
  const { status, body } = await raw(server.url, new URL(segments[n].url).pathname, { timeout: 60_000 });
  assert.equal(status, 200, `segment ${n}: ${body.subarray(0, 300)}`);
  return body;
};
const post = async (what, body = '') => {
  const answer = await raw(server.url, `/api/stream/${film.id}/${what}`, { method: 'POST', body });
  return { status: answer.status, ...JSON.parse(answer.body) };
};

/** Reads events from a stream of text: `{events, ended}`. */
function reader(stream) {
  const seen = { events: [], id: null, ended: false };
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('error', () => {});
  stream.on('end', () => { seen.ended = true; });
  stream.on('data', text => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').filter(line => !line.startsWith(':')).map(line => line.split(/: (.*)/s)));
      if (fields.id) seen.id = fields.id;
      if (fields.event) seen.events.push({ kind: fields.event, id: +fields.id, ...JSON.parse(fields.data) });
    }
  });
  return seen;
}

function listen(target, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.get(new URL(target, server.url), { headers, agent: false }, answer => {
      assert.equal(answer.statusCode, 200);
      resolve({ seen: reader(answer), close: () => request.destroy() });
    });
    request.on('error', reject);
  });
}

const told = (seen, change, more = {}) => until(() => `${change} in ${JSON.stringify(seen.events)}`, 30_000,
  () => seen.events.find(event => event.change === change && Object.entries(more).every(([key, value]) => event[key] === value)), 10);

test('numbers move when segments are asked for', { timeout: 120_000 }, async () => {
  const start = await metrics();
  await segment(0);
  const made = await until('the segment is stored', 20_000, async () => {
    const now = await metrics();
    return now.millrace_store_bytes > start.millrace_store_bytes && now;
  });
  const rose = (name, by) => assert.ok(made[name] - start[name] >= by, `${name}: ${start[name]}, then ${made[name]}`);
  rose(`millrace_heads_started_total{${RUNG}}`, 1);
  rose(`millrace_segments_made_total{${RUNG}}`, 1);
  rose(`millrace_segments_made_bytes_total{${RUNG}}`, 10_000);
  rose(`millrace_media_made_seconds_total{${RUNG}}`, 0.9);
  rose(`millrace_heads_busy_seconds_total{${RUNG}}`, 0.001);
  rose(`millrace_first_fragment_seconds_count{${RUNG}}`, 1);
  rose('millrace_segments_served_total{from="growing"}', 1);
  rose('millrace_segment_wait_seconds_count', 1);
  rose('millrace_store_misses_total', 1);
  rose('millrace_store_segments', 1);
  assert.equal(made.millrace_requests_waiting, 0);
  assert.ok(made.millrace_workers >= 1, 'a worker makes it');
  assert.ok(made.process_open_fds > 10 && made.process_resident_memory_bytes > 1e6 && made.process_start_time_seconds > 1.6e9);
  await segment(0);
  const again = await metrics();
  const kept = name => again[`millrace_segments_served_total{from="${name}"}`] - made[`millrace_segments_served_total{from="${name}"}`];
  assert.equal(kept('store') + kept('memory'), 1, 'the second time it was there');
  assert.equal(kept('growing'), 0);
  assert.equal(again[`millrace_heads_started_total{${RUNG}}`], made[`millrace_heads_started_total{${RUNG}}`]);
});

describe('events', () => {
  test('tell the life of a head, which is listed meanwhile', { timeout: 120_000 }, async () => {
    await post('stop', '{"purge":true}');
    const { seen, close } = await listen('/api/events?kinds=stream');
    const before = await metrics();
    await segment(10);
    const started = await told(seen, 'started', { file: film.id, segment: 10 });
    assert.equal(started.name, film.name);
    const first = await told(seen, 'first-fragment', { head: started.head });
    assert.ok(first.first_fragment_ms > 0 && first.id > started.id);
    const { streams } = await json(server.url, '/api/streams');
    const shown = streams.find(head => head.head === started.head);
    assert.ok(shown, `the head is among ${JSON.stringify(streams)}`);
    assert.deepEqual([shown.file, shown.name, shown.rendition], [film.id, film.name, started.rendition]);
    assert.ok(Date.now() - Date.parse(shown.since) < 120_000, shown.since);
    const stopped = await post('stop');
    assert.ok(stopped.stopped >= 1, JSON.stringify(stopped));
    const ended = await told(seen, 'ended', { head: started.head });
    assert.deepEqual([ended.cause, ended.state], ['stop', 'ended']);
    const after = await metrics();
    assert.ok(after['millrace_heads_ended_total{cause="stop"}'] > before['millrace_heads_ended_total{cause="stop"}']);
    close();
    // Somebody who saw only the first of them comes back.
    const again = await listen('/api/events', { 'last-event-id': `${started.id}` });
    await told(again.seen, 'ended', { head: started.head });
    assert.deepEqual(again.seen.events.map(event => event.id), [...again.seen.events.keys()].map(n => started.id + 1 + n));
    again.close();
  });

  test('tell of a worker that was killed, and the metrics what it died of', { timeout: 120_000 }, async () => {
    await post('stop', '{"purge":true}');
    const { seen, close } = await listen('/api/events?kinds=stream');
    const before = await metrics();
    const killed = 'millrace_worker_deaths_total{cause="killed"}';
    const request = segment(20);
    await told(seen, 'started', { file: film.id, segment: 20 });
    // Whichever of them makes it; those that wait for work die too.
    await until('a failure is told', 30_000, () => {
      for (const { pid } of server.workers()) try { process.kill(pid, 'SIGKILL'); } catch { /* gone already */ }
      return seen.events.some(event => event.change === 'failed');
    }, 20);
    const failed = await told(seen, 'failed', { file: film.id });
    assert.equal(failed.reason.type, '/problems/encoding-failed');
    assert.equal(failed.state, 'failed');
    await request.catch(() => segment(20));
    await until('the death is counted', 10_000, async () => (await metrics())[killed] > before[killed]);
    close();
  });

  test('come over HTTP/2 too', { timeout: 60_000 }, async () => {
    const session = http2.connect(server.url);
    const stream = session.request({ ':path': '/api/events?kinds=scan', accept: 'text/event-stream' });
    const seen = reader(stream);
    await until('the first number', 10_000, () => seen.id, 10);
    await raw(server.url, '/api/scan', { method: 'POST' });
    await until('the scan is told', 20_000, () => seen.events.some(event => event.kind === 'scan' && event.state === 'done'), 10);
    session.destroy();
  });

  test('of no kind there is are refused by name', async () => {
    const { status, body } = await raw(server.url, '/api/events?kinds=stream,upload');
    assert.equal(status, 400);
    assert.match(JSON.parse(body).detail, /`upload`/);
  });
});

test('a start beyond the end is refused, and with `wait` it tells how long it took', { timeout: 60_000 }, async () => {
  const beyond = await post('start', JSON.stringify({ at_s: film.duration_s + 2, wait: true }));
  assert.deepEqual([beyond.status, beyond.type], [404, '/problems/beyond-the-end']);
  assert.match(beyond.detail, /at_s/);
  const started = await post('start', JSON.stringify({ at_s: film.duration_s, wait: true, copy: false }));
  assert.equal(started.status, 200, started.detail);
  assert.ok(started.first_fragment_ms > 0, JSON.stringify(started));
});

test('listeners end when the service does', { timeout: 60_000 }, async () => {
  const { seen } = await listen('/api/events');
  await until('the first number', 10_000, () => seen.id, 10);
  const stopping = server;
  server = null;
  await stopping.stop();
  assert.ok(seen.ended, 'its body ended properly');
});
