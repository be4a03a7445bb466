// MPEG transport streams: the same pictures and the same sound as in fragmented MP4, in packets that run on from segment
// to segment, and nothing encoded for them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { films, playlist, variants } from './films.mjs';
import { media, raw, startServer, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

const PACKET = 188;
const LONG = 'two_languages.mkv';

let server;
before(async () => { server = await startServer({ library: media() }); }, { timeout: 180_000 });
after(() => server?.stop());

const address = (kind, name, query = '') => `${server.url}/${kind}/${server.files[name].id}/index.m3u8${query}`;

/** Runs a program to its end; what it printed. */
const output = (program, args, seconds = 90) => new Promise((done, failed) => {
  execFile(program, args, { timeout: seconds * 1000, killSignal: 'SIGKILL', maxBuffer: 64 << 20 }, (error, out, err) =>
    (error ? failed(new Error(`${program}: ${error.message.slice(0, 2000)}`)) : done({ out, err })));
});

/** A checksum of every picture or of the whole sound, as ffmpeg decodes it. */
async function decoded(url, stream) {
  const form = stream.includes('v') ? ['-f', 'framemd5'] : ['-f', 'md5'];
  const { out, err } = await output('ffmpeg', ['-nostdin', '-v', 'warning', '-i', url, '-map', stream, '-fps_mode', 'passthrough', ...form, '-']);
  assert.equal(err, '', `ffmpeg complains of ${url}`);
  return out.split('\n').filter(line => line && !line.startsWith('#')).map(line => line.split(',').at(-1).trim());
}

/** All segments of a playlist, one behind the other. */
async function joined(url) {
  const parts = [];
  for (const segment of (await playlist(url)).segments) {
    const { status, headers, body } = await raw(server.url, new URL(segment.url).pathname);
    assert.equal(status, 200, segment.url);
    assert.equal(headers['content-type'], 'video/mp2t');
    assert.equal(body.length % PACKET, 0, segment.url);
    parts.push(body);
  }
  return Buffer.concat(parts);
}

/** Packets by PID: payloads count up to 16, clock references are at most a tenth of a second apart. */
function wellFormed(bytes) {
  const counters = new Map(), clocks = [];
  for (let at = 0; at < bytes.length; at += PACKET) {
    assert.equal(bytes[at], 0x47);
    const pid = bytes.readUInt16BE(at + 1) & 0x1fff, [adapted, filled] = [bytes[at + 3] & 0x20, bytes[at + 3] & 0x10];
    if (filled) {
      const before = counters.get(pid);
      assert.equal(bytes[at + 3] & 15, before === undefined ? 0 : (before + 1) % 16, `packet ${at / PACKET}, PID ${pid}`);
      counters.set(pid, bytes[at + 3] & 15);
    }
    if (adapted && bytes[at + 4] > 0 && bytes[at + 5] & 0x10) clocks.push(bytes.readUInt32BE(at + 6) * 2 + (bytes[at + 10] >> 7));
  }
  assert.ok([0, 0x1000].every(pid => counters.has(pid)), 'tables');
  clocks.slice(1).forEach((clock, n) => {
    const gap = (clock - clocks[n]) / 90_000;
    assert.ok(gap >= 0 && gap <= 0.1, `${gap} s between clock references`);
  });
}

const headsStarted = async () => {
  const text = (await raw(server.url, '/metrics')).body.toString();
  return [...text.matchAll(/^millrace_heads_started_total(?:\{[^}]*\})? (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
};

for (const { name } of films.filter(film => !film.long)) {
  describe(name, () => {
    test('has the pictures and the sound of fragmented MP4', { timeout: 200_000 }, async () => {
      for (const query of ['?copy=none', '?copy=only']) {
        const [variant] = await variants(address('ts', name, query));
        wellFormed(await joined(variant.url));
        const rendition = variant.rendition.split('_')[0];
        const same = (await variants(address('hls', name))).find(known => known.rendition === rendition);
        const [ours, theirs] = [await decoded(variant.url, '0:v'), await decoded(same.url, '0:v')];
        assert.ok(ours.length > 100);
        assert.deepEqual(ours, theirs, variant.url);
        const sound = same.url.replace(rendition, variant.rendition.split('_')[1]);
        assert.deepEqual(await decoded(variant.url, '0:a'), await decoded(sound, '0:a'), variant.url);
      }
    });
  });
}

test('nothing is encoded for it', { timeout: 60_000 }, async () => {
  const [name] = films.map(film => film.name);
  for (const variant of await variants(address('hls', name))) await decoded(variant.url, '0:v');
  for (const line of (await raw(server.url, new URL(address('hls', name)).pathname)).body.toString().matchAll(/TYPE=AUDIO.*URI="([^"]+)"/g)) {
    await decoded(new URL(line[1], address('hls', name)).href, '0:a');
  }
  const before = await headsStarted();
  assert.ok(before > 0);
  for (const variant of await variants(address('ts', name))) await joined(variant.url);
  assert.equal(await headsStarted(), before);
});

test('AC-3 is in a group of its own', { timeout: 60_000 }, async () => {
  const all = await variants(address('ts', 'h264_ac3.mkv', '?copy=only'));
  const { out } = await output('ffprobe', ['-v', 'error', '-show_entries', 'program_stream=codec_name', '-of', 'csv', all[1].url]);
  assert.match(out, /h264[^]*ac3/);
});

test('every other language has a stream of its own', { timeout: 60_000 }, async () => {
  const url = address('ts', LONG);
  const text = (await raw(server.url, new URL(url).pathname)).body.toString();
  assert.match(text, /NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="\d"\n/);
  const other = /NAME="Deutsch".*URI="([^"]+)"/.exec(text)[1];
  const [ours] = await decoded(new URL(other, url).href, '0:a');
  const fragmented = address('hls', LONG);
  const theirs = /NAME="Deutsch".*URI="([^"]+)"/.exec((await raw(server.url, new URL(fragmented).pathname)).body.toString())[1];
  assert.deepEqual([ours], await decoded(new URL(theirs, fragmented).href, '0:a'));
});

for (const [program, args, end] of [
  ['mpv', ['--no-config', '--vo=null', '--ao=null', '--untimed', '--ao-null-untimed=yes', '--msg-level=all=warn,cplayer=info'], /Exiting\.\.\. \(End of file\)/],
  ['gst-play-1.0', ['--no-interactive', '--audiosink=fakesink', '--videosink=fakesink'], /Reached end of play list/],
]) {
  test(`${program} plays to the end`, { timeout: 90_000 }, async () => {
    const { out, err } = await output(program, [...args, address('ts', 'h264_aac.mp4')], 80);
    assert.match(out, end);
    assert.ok(!/error|failed|corrupt/i.test(out + err), (out + err).slice(-2000));
  });
}

describe('hls.js', () => {
  let stage, browser;
  before(async () => {
    stage = await serveStage();
    browser = await browsers.Chromium();
  }, { timeout: 60_000 });
  after(async () => {
    await browser?.close();
    await stage?.close();
  });

  for (const query of ['?copy=only', '?copy=none']) {
    test(`plays, seeks and ends, ${query}`, { timeout: 90_000 }, async () => {
      const tab = await browser.open(stage.url);
      await tab.evaluate(`start('hls.js', ${JSON.stringify(address('ts', 'counted.mp4', query))}, null)`);
      let now;
      const shows = (from, to) => until(() => `a picture of ${from} s to ${to} s; ${JSON.stringify(now)}`, 20_000, async () => {
        now = await tab.evaluate('({ ...still(), errors, ended: video.ended })');
        assert.deepEqual(now.errors, [], 'the player complains');
        // Every picture tells its number.
        const shown = now.frame / 25;
        return now.ready && shown >= from && shown <= to && Math.abs(shown - now.time) < 0.1;
      });
      await shows(0.2, 5);
      for (const to of [15.3, 3.1, 20.7]) {
        await tab.evaluate(`video.currentTime = ${to}`);
        await shows(to - 0.05, to + 3);
      }
      await tab.evaluate('video.currentTime = 23');
      await until(() => `the end; ${JSON.stringify(now)}`, 20_000, async () => {
        now = await tab.evaluate('({ ended: video.ended, time: video.currentTime, errors })');
        return now.ended;
      });
      assert.deepEqual(now.errors, []);
      await tab.close();
    });
  }

  test('shows subtitles at their second', { timeout: 60_000 }, async () => {
    const tab = await browser.open(stage.url);
    await tab.evaluate(`start('hls.js', ${JSON.stringify(address('ts', LONG))}, null, 'en')`);
    for (const second of [60, 8]) {
      await tab.evaluate(`video.currentTime = ${second + 0.5}`);
      await until(`the line of second ${second}`, 20_000, async () => await tab.evaluate('settled() && shownText()') === `Second ${second}`);
    }
    await tab.close();
  });
});
