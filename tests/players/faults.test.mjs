// What may go wrong: a killed server, odd requests, broken films, awkward names, missing folders, hostile callers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { firstSegment, playlist, variants } from './films.mjs';
import { media, raw, sleep, startServer, stillRunning, temporary, until } from './server.mjs';

let films, server, film;
const folders = [];
const folder = () => { const dir = temporary(); folders.push(dir); return dir; };
const copy = (name, dir, as = name) => fs.copyFileSync(path.join(films, name), path.join(dir, as));
const port = () => new URL(server.url).port;

before(async () => {
  films = media();
  server = await startServer({ library: films });
  film = server.files['h264_aac.mp4'];
}, { timeout: 180_000 });
after(async () => {
  await server?.stop();
  for (const dir of folders) fs.rmSync(dir, { recursive: true, force: true });
});

function problem(answer, status, what) {
  assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.body.subarray(0, 300)}`);
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/, what);
  const told = JSON.parse(answer.body);
  assert.equal(told.status, status, what);
  for (const key of ['type', 'title', 'detail', 'request_id']) assert.ok(told[key], `${what}: the problem has no ${key}`);
  return told;
}

test('SIGKILL while a segment streams leaves no worker', { timeout: 60_000 }, async () => {
  const victim = await startServer({ library: films });
  const { id } = victim.files['two_languages.mkv'];
  const rung = (await variants(`${victim.url}/hls/${id}/index.m3u8`)).at(-1);
  const request = http.get((await playlist(rung.url)).segments[20].url).on('error', () => {});
  request.on('response', answer => answer.on('error', () => {}).resume());
  await until('a worker', 20_000, () => victim.workers().length > 0, 10);
  const workers = await victim.kill();
  assert.ok(workers.length > 0, 'it had workers when it was killed');
  await sleep(1000);
  assert.deepEqual(stillRunning(workers).map(p => p.pid), []);
});

describe('odd requests', () => {
  test('unknown ids are 404 with a problem', async () => {
    const id = '0123456789abcdef0123';
    for (const target of [`/api/files/${id}`, `/hls/${id}/index.m3u8`, `/dash/${id}/manifest.mpd`, `/media/${id}/v360-0123456789ab/0.m4s`,
      `/direct/${id}`, '/api/files/nonsense', '/hls/nonsense/index.m3u8']) {
      problem(await raw(server.url, target), 404, target);
    }
  });

  test('a segment beyond the end is 404', async () => {
    const list = await playlist((await variants(`${server.url}/hls/${film.id}/index.m3u8`))[0].url);
    const last = new URL(list.segments.at(-1).url).pathname;
    for (const n of [list.segments.length, list.segments.length + 1, 99999999, '18446744073709551616']) {
      const target = last.replace(/[^/]+$/, `${n}.m4s`);
      problem(await raw(server.url, target), 404, target);
    }
  });

  test('ranges of the original', async () => {
    const target = `/direct/${film.id}`, bytes = fs.readFileSync(path.join(films, film.name));
    const part = await raw(server.url, target, { headers: { range: 'bytes=100-199' } });
    assert.equal(part.status, 206);
    assert.equal(part.headers['content-range'], `bytes 100-199/${bytes.length}`);
    assert.deepEqual(part.body, bytes.subarray(100, 200));
    const tail = await raw(server.url, target, { headers: { range: 'bytes=-50' } });
    assert.deepEqual(tail.body, bytes.subarray(-50));
    for (const range of [`bytes=${bytes.length}-`, `bytes=${bytes.length + 10}-${bytes.length + 20}`]) {
      const bad = await raw(server.url, target, { headers: { range } });
      assert.equal(bad.status, 416, range);
      assert.equal(bad.headers['content-range'], `bytes */${bytes.length}`);
    }
  });

  test('reloads of the live edge that nobody can mean are refused, and keep nobody waiting', { timeout: 60_000 }, async () => {
    const index = `/live/${film.id}/index.m3u8`;
    const [, name] = /^([^#\n]+\.m3u8)$/m.exec((await raw(server.url, index)).body);
    const list = new URL(name, `${server.url}${index}`).pathname;
    assert.equal((await raw(server.url, list)).status, 200);
    const odd = ['_HLS_msn=4000', '_HLS_msn=-1', '_HLS_msn=18446744073709551616', '_HLS_msn=99999999999999999999999', '_HLS_msn=x', '_HLS_msn=1.5', '_HLS_msn=%00',
      '_HLS_msn=0&_HLS_msn=0', '_HLS_part=0', '_HLS_msn=&_HLS_part=0', '_HLS_msn=0&_HLS_part=-1', '_HLS_msn=0&_HLS_part=4294967296', '_HLS_skip=perhaps'];
    const asked = await Promise.all(Array(20).fill(odd).flat().map(query => raw(server.url, `${list}?${query}`).then(answer => [query, answer])));
    for (const [query, answer] of asked) problem(answer, 400, query);
    for (const query of ['_HLS_msn=', '_HLS_part=', '_HLS_skip=', '_HLS_msn=0&_HLS_part=4294967295', '_HLS_unknown=7']) {
      assert.equal((await raw(server.url, `${list}?${query}`)).status, 200, query);
    }
  });

  test('foreign hosts and origins are refused', async () => {
    for (const host of ['evil.example', `evil.example:${port()}`, '127.0.0.1.evil.example']) {
      for (const target of ['/', '/api/files', `/hls/${film.id}/index.m3u8`]) {
        const { status } = await raw(server.url, target, { headers: { host } });
        assert.ok(status >= 400 && status < 500, `Host ${host} ${target}: ${status}`);
      }
    }
    for (const host of [`localhost:${port()}`, `127.0.0.1:${port()}`, `[::1]:${port()}`, `tv.local:${port()}`]) {
      assert.equal((await raw(server.url, '/api/files', { headers: { host } })).status, 200, `Host ${host}`);
    }
    for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:${+port() + 1}`]) {
      for (const [method, target] of [['GET', '/api/files'], ['POST', '/api/scan'], ['POST', `/api/files/${film.id}/view`]]) {
        const answer = await raw(server.url, target, { method, headers: { origin } });
        assert.equal(answer.status, 403, `${method} ${target} from ${origin}`);
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
      }
    }
    const own = await raw(server.url, '/api/files', { headers: { origin: server.url } });
    assert.equal(own.status, 200, 'the own origin');
    const tv = await raw(server.url, `/hls/${film.id}/index.m3u8`, { headers: { origin: 'http://evil.example' } });
    assert.equal(tv.status, 200, 'media may be played from anywhere');
    assert.match(tv.headers['access-control-allow-origin'], /^(\*|http:\/\/evil\.example)$/);
  });

  test('path attacks are refused', async () => {
    const ups = '../'.repeat(8), coded = '%2e%2e/'.repeat(8), slashed = '..%2f'.repeat(8), twice = '%252e%252e%252f'.repeat(8);
    for (const prefix of ['/', '/media/', `/media/${film.id}/`, '/direct/', '/hls/', '/assets/']) {
      for (const rest of [`${ups}etc/passwd`, `${coded}etc/passwd`, `${slashed}etc%2fpasswd`, `${twice}etc%252fpasswd`, 'a%00.m4s',
        '..%5c..%5cetc%5cpasswd', '%ff%fe', '/etc/passwd']) {
        const { status, body } = await raw(server.url, prefix + rest);
        assert.ok(status >= 400 && status < 500, `${prefix}${rest}: ${status}`);
        assert.ok(!body.includes('root:'), `${prefix}${rest} gives the file`);
      }
    }
    assert.equal((await raw(server.url, '/readyz')).status, 200);
  });
});

test('broken films are listed with a reason, the others play', { timeout: 120_000 }, async () => {
  const dir = folder();
  copy('h264_aac.mp4', dir, 'good.mp4');
  fs.writeFileSync(path.join(dir, 'text.mkv'), 'This is no film.\n'.repeat(1000));
  fs.writeFileSync(path.join(dir, 'empty.mp4'), '');
  // Without +faststart the index is at the end, so what is cut off is what a reader needs first.
  const whole = path.join(folder(), 'whole.mp4');
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', path.join(films, 'h264_aac.mp4'), '-c', 'copy', whole]);
  fs.writeFileSync(path.join(dir, 'truncated.mp4'), fs.readFileSync(whole).subarray(0, 500_000));
  // Here the index is there, but half of the pictures are not.
  fs.writeFileSync(path.join(dir, 'half.mp4'), fs.readFileSync(path.join(films, 'h264_aac.mp4')).subarray(0, 1_200_000));
  const own = await startServer({ library: dir });
  try {
    for (const name of ['text.mkv', 'empty.mp4', 'truncated.mp4']) {
      const file = own.files[name];
      assert.ok(file, `${name} is listed; there are: ${Object.keys(own.files)}`);
      assert.equal(file.state, 'broken', name);
      assert.ok(file.reason?.length > 3, `${name} has the reason ${JSON.stringify(file.reason)}`);
      problem(await raw(own.url, `/hls/${file.id}/index.m3u8`), 422, name);
    }
    assert.match(own.files['half.mp4'].state, /^(ready|broken)$/);
    if (own.files['half.mp4'].state === 'ready') await firstSegment(own.url, own.files['half.mp4'].id);
    assert.equal(own.files['good.mp4'].state, 'ready');
    await firstSegment(own.url, own.files['good.mp4'].id);
  } finally { await own.stop(); }
});

test('awkward names are listed and play', { timeout: 120_000 }, async () => {
  const dir = folder();
  const names = ['with  two spaces.mp4', 'Été à la plage – ñ 映画 🎬.mp4', 'cafe\u0301.mp4', 'a\nnew line.mp4', '%2e%2e #?&"\'<b>.mp4', '-v error.mp4'];
  for (const name of names) copy('h264_aac.mp4', dir, name);
  const invalid = Buffer.concat([Buffer.from(`${dir}/bad`), Buffer.from([0xff, 0xe9]), Buffer.from('bytes.mp4')]);
  fs.copyFileSync(path.join(films, 'h264_aac.mp4'), invalid);
  const own = await startServer({ library: dir });
  try {
    assert.deepEqual(names.filter(name => !own.files[name]), [], `the list has: ${JSON.stringify(Object.keys(own.files))}`);
    assert.equal(own.list.length, names.length + 1, 'and the one that is not UTF-8');
    assert.equal(new Set(own.list.map(file => file.id)).size, own.list.length, 'ids differ');
    for (const file of own.list) {
      assert.equal(file.state, 'ready', `${JSON.stringify(file.name)}: ${file.reason}`);
      await firstSegment(own.url, file.id);
      const { status, body } = await raw(own.url, `/direct/${file.id}`);
      assert.equal(`${status} ${body.length}`, `200 ${file.size}`, `/direct of ${JSON.stringify(file.name)}`);
    }
  } finally { await own.stop(); }
});

describe('missing folders', () => {
  test('a library that is not there does not keep the others from being served', { timeout: 60_000 }, async () => {
    const own = await startServer({ libraries: { Films: films, Gone: path.join(folder(), 'not-there') } });
    try {
      assert.equal(own.files['h264_aac.mp4'].state, 'ready');
      const told = `${JSON.stringify(own.scan)} ${own.log()}`;
      assert.match(told, /Gone|not-there/, `scan status or log name the library: ${told}`);
      assert.match(own.log(), /offline|not there|unreachable|no such file/i, 'the log says that it is offline');
    } finally { await own.stop(); }
  });

  test('films of a folder that went away are offline, and come back', { timeout: 120_000 }, async () => {
    const home = folder(), dir = path.join(home, 'library'), away = path.join(home, 'away');
    fs.mkdirSync(dir);
    copy('h264_aac.mp4', dir);
    const first = await startServer({ library: dir, home });
    const { id } = first.files['h264_aac.mp4'];
    await first.stop();
    fs.renameSync(dir, away);
    const without = await startServer({ library: dir, home });
    try {
      assert.equal(without.files['h264_aac.mp4']?.state, 'offline', JSON.stringify(without.list));
      const answer = await raw(without.url, `/direct/${id}`);
      assert.match(problem(answer, 503, 'the original').detail, /Films/);
      assert.ok(answer.headers['retry-after'], 'Retry-After');
      fs.renameSync(away, dir);
      await raw(without.url, '/api/scan', { method: 'POST' });
      await until('ready again', 20_000, async () => JSON.parse((await raw(without.url, `/api/files/${id}`)).body).state === 'ready');
      await firstSegment(without.url, id);
    } finally { await without.stop(); }
  });
});
