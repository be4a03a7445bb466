// Damage in the middle of a film, on demand and at the live edge: what is whole plays on, and what ends says why.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { playlist, variants } from './films.mjs';
import { media, raw, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

const ffmpeg = (...args) => execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
/** Where it begins, in a film of 24 s, and the segment in which the encoded picture has it. */
const FROM = 10, TORN = /has nothing to play at 10\.\d s/;

/** Zeros for the packets of a stream from then on, as where a download was never finished; `head` bytes of each stay. */
function tear(file, stream, head = 0) {
  const told = execFileSync('ffprobe', ['-v', 'error', '-select_streams', stream, '-show_entries', 'packet=pts_time,size,pos', '-of', 'csv=p=0', file], { encoding: 'utf8' });
  const bytes = fs.readFileSync(file);
  for (const line of told.split('\n').filter(Boolean)) {
    const [at, size, pos] = line.split(',').map(Number);
    if (at >= FROM) bytes.fill(0, pos + head, pos + head + size);
  }
  fs.writeFileSync(file, bytes);
}
/** Track, time and flags of a SimpleBlock (RFC 9559 section 10.1). */
const BLOCK_HEAD = 4;

let home, library, server, stage, browser;
before(async () => {
  home = temporary();
  library = path.join(home, 'library');
  fs.mkdirSync(library);
  const to = name => path.join(library, name), film = path.join(media(), 'counted.mp4');
  for (const name of ['sound.mp4', 'picture.mp4', 'watched.mp4', 'unwatched.mp4']) fs.copyFileSync(film, to(name));
  ffmpeg('-i', film, '-c', 'copy', to('sound.mkv'));
  ffmpeg('-i', film, '-c:v', 'copy', '-c:a', 'ac3', '-b:a', '192k', to('dolby.mkv'));
  tear(to('sound.mp4'), 'a');
  tear(to('sound.mkv'), 'a', BLOCK_HEAD);
  tear(to('dolby.mkv'), 'a', BLOCK_HEAD);
  tear(to('picture.mp4'), 'v');
  server = await startServer({ library });
  stage = await serveStage();
  browser = await browsers.Chromium();
}, { timeout: 180_000 });

after(async () => {
  await browser?.close();
  await stage?.close();
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

const id = name => server.files[name].id;
const get = async target => {
  const { status, body } = await raw(server.url, target);
  return { status, text: body.toString() };
};
const sounds = async name => [...(await get(`/hls/${id(name)}/index.m3u8`)).text.matchAll(/TYPE=AUDIO.*URI="([^"]+)"/g)]
  .map(([, uri]) => new URL(uri, `${server.url}/hls/${id(name)}/`).href);

/** How each segment of a playlist answers. */
async function answers(url) {
  const found = [];
  for (const { url: segment } of (await playlist(url)).segments) {
    const { status, text } = await get(new URL(segment).pathname);
    found.push({ status, detail: status === 200 ? '' : JSON.parse(text).detail });
  }
  return found;
}
const refused = found => found.filter(({ status }) => status !== 200);

describe('sound that is torn in the middle', { concurrency: 3 }, () => {
  for (const name of ['sound.mp4', 'sound.mkv', 'dolby.mkv']) {
    test(`${name}: the picture is whole, and the sound is as long as the film`, { timeout: 60_000 }, async () => {
      for (const { url } of await variants(`${server.url}/hls/${id(name)}/index.m3u8`)) assert.deepEqual(refused(await answers(url)), []);
      for (const url of await sounds(name)) {
        const { total } = await playlist(url);
        assert.ok(Math.abs(total - 24) < 0.1, `${url}: ${total} s`);
        const found = await answers(url);
        // Nobody can make AC-3 of what is none; whoever decodes it is given silence.
        if (!url.includes('copy') || name !== 'dolby.mkv') assert.deepEqual(refused(found), [], url);
        else assert.match(refused(found)[0].detail, TORN);
      }
    });
  }

  for (const [player, file] of [['hls.js', 'hls/ID/index.m3u8'], ['Shaka', 'hls/ID/index.m3u8'], ['dash.js', 'dash/ID/manifest.mpd']]) {
    test(`${player} plays on, where it would give up at the first packet of zeros`, { timeout: 60_000 }, async () => {
      const tab = await browser.open(stage.url);
      await tab.evaluate(`reads = false; start('${player}', '${server.url}/${file.replace('ID', id('sound.mp4'))}').catch(wrong)`);
      await until('it plays', 20_000, () => tab.evaluate('video.currentTime > 0.1'));
      await tab.evaluate(`video.currentTime = ${FROM - 1}`);
      let seen;
      await until(() => `it is beyond; ${JSON.stringify(seen)}`, 20_000, async () => {
        seen = await tab.evaluate('({ time: video.currentTime, error: video.error?.message ?? null, errors })');
        assert.equal(seen.error, null);
        return seen.time > FROM + 1.5;
      });
      await tab.close();
    });
  }
});

test('a picture that is torn in the middle says so, and the sound is whole', { timeout: 60_000 }, async () => {
  const [{ url }] = await variants(`${server.url}/hls/${id('picture.mp4')}/index.m3u8?copy=none`);
  const found = await answers(url);
  assert.match(refused(found)[0].detail, TORN);
  assert.ok(found.findIndex(({ status }) => status !== 200) >= 5 && refused(found).every(({ status }) => status === 422), JSON.stringify(found));
  for (const sound of await sounds('picture.mp4')) assert.deepEqual(refused(await answers(sound)), []);
});

describe('the live edge', () => {
  const start = async (name, at_s) => {
    const body = JSON.stringify({ mode: 'live', at_s, wait: true });
    return raw(server.url, `/api/stream/${id(name)}/start`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  };
  /** Reloads a playlist as players do, until it ends or is refused. */
  const follow = async target => {
    for (let query = '', n = 0; n < 200; n += 1) {
      const { status, text } = await get(target + query);
      if (status !== 200 || text.includes('#EXT-X-ENDLIST')) return { status, text };
      const hint = /PRELOAD-HINT.*\/(\d+)\.(\d+)\.m4s"/.exec(text);
      const next = text.match(/\/(\d+)\.m4s$/gm).length + +/MEDIA-SEQUENCE:(\d+)/.exec(text)[1];
      query = hint ? `?_HLS_msn=${hint[1]}&_HLS_part=${hint[2]}` : `?_HLS_msn=${next}`;
    }
    throw new Error('it does not end');
  };
  const playlists = async name => [...new Set([...(await get(`/live/${id(name)}/index.m3u8`)).text.matchAll(/URI="([^"]+\.m3u8)"|^([^#\n].*\.m3u8)$/gm)]
    .map(([, uri, line]) => new URL(uri ?? line, `${server.url}/live/${id(name)}/`).pathname))];

  describe('of a damaged film', { concurrency: true }, () => {
    test('goes on to the end of the film where a sound that is watched cannot be made', { timeout: 60_000 }, async () => {
      assert.equal((await start('dolby.mkv', 16)).status, 200);
      const ends = await Promise.all((await playlists('dolby.mkv')).map(follow));
      assert.equal(ends.length, 3);
      for (const { status, text } of ends) assert.match(text, /#EXT-X-ENDLIST\n$/, `${status}`);
    });

    test('ends with what it failed of, everywhere and for everybody, and can be started anew', { timeout: 60_000 }, async () => {
      assert.equal((await start('picture.mp4', 5)).status, 200);
      const pages = await Promise.all([['hls.js', 'index.m3u8'], ['Shaka', 'index.m3u8'], ['dash.js', 'manifest.mpd']].map(async ([player, file]) => {
        const tab = await browser.open(stage.url);
        await tab.evaluate(`reads = false; start('${player}', '${server.url}/live/${id('picture.mp4')}/${file}').catch(wrong)`);
        return { player, tab };
      }));
      const all = await playlists('picture.mp4');
      for (const { status, text } of await Promise.all(all.map(follow))) {
        assert.equal(status, 422, text);
        assert.match(JSON.parse(text).detail, TORN);
      }
      // Whoever describes it anew must not start the film from its beginning under those who watch.
      for (const file of ['index.m3u8', 'manifest.mpd']) assert.equal((await get(`/live/${id('picture.mp4')}/${file}`)).status, 422);
      for (const { player, tab } of pages) {
        await until(`${player} complains`, 20_000, async () => (await tab.evaluate('errors')).length > 0);
        await tab.close();
      }
      const again = await start('picture.mp4', 2);
      assert.equal(again.status, 200, again.body.toString());
      assert.equal((await get(all[0])).status, 200);
    });
  });

  test('goes on when the folder of its film goes away, others are said to be away, and start when it is back', { timeout: 60_000 }, async () => {
    assert.equal((await start('watched.mp4', 16)).status, 200);
    const watched = await playlists('watched.mp4'), away = path.join(home, 'away');
    fs.renameSync(library, away);
    try {
      const { status, body } = await start('unwatched.mp4', 2);
      assert.ok(status === 503 && /Films/.test(JSON.parse(body).detail), `${status} ${body}`);
      // The file is open; what is gone is its name.
      for (const { status, text } of await Promise.all(watched.map(follow))) assert.match(text, /#EXT-X-ENDLIST\n$/, `${status}`);
    } finally {
      fs.renameSync(away, library);
    }
    await until('it starts', 30_000, async () => (await start('unwatched.mp4', 2)).status === 200, 500);
    assert.equal((await get((await playlists('unwatched.mp4'))[0])).status, 200);
  });
});
