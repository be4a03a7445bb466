// Every manifest of every film before the strictest checkers there are: hls-parser with all its rules, and the schema of
// ISO/IEC 23009-1 where a folder with it is at hand (../shared/schema beside the checkout, or $MPD_SCHEMA).
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import HLS from 'hls-parser';
import { films } from './films.mjs';
import { media, raw, sleep, startServer, temporary } from './server.mjs';

HLS.setOptions({ strictMode: true });

const here = path.dirname(fileURLToPath(import.meta.url));
const schema = process.env.MPD_SCHEMA ?? path.resolve(here, '../../../shared/schema');
const withSchema = existsSync(path.join(schema, 'DASH-MPD.xsd'));

let odd, server;
before(async () => {
  // Texts beside a film, and languages that are no tags.
  odd = temporary();
  const film = path.join(media(), 'h264_aac.mp4');
  copyFileSync(film, path.join(odd, 'odd.mp4'));
  for (const name of ['qqq', 'en-klingonisch', 'forced.de', 'sdh.en']) writeFileSync(path.join(odd, `odd.${name}.srt`), '0:0:1,0 --> 0:0:2,0\nsaid\n');
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', film, '-map', '0', '-map', '0:a', '-c', 'copy', '-metadata:s:a:0', 'language=klingonisch',
    '-metadata:s:a:1', 'language=qqq', '-metadata:s:a:1', 'title=a "title", & <more>', path.join(odd, 'odd.mkv')]);
  server = await startServer({ libraries: { Films: media(), Odd: odd } });
}, { timeout: 120_000 });
after(async () => {
  await server?.stop();
  if (odd) rmSync(odd, { recursive: true, force: true });
});

async function get(target) {
  const { status, headers, body } = await raw(server.url, target);
  assert.equal(status, 200, `GET ${target}: ${status} ${body}`);
  return { text: body.toString(), type: headers['content-type'] };
}

/** Parsed by the rules; what broke one, with the playlist. */
async function strict(target) {
  const { text, type } = await get(target);
  assert.equal(type, 'application/vnd.apple.mpegurl');
  try {
    return { text, parsed: HLS.parse(text) };
  } catch (error) {
    throw new Error(`${target}: ${error.message}\n${text}`);
  }
}

/** Addresses that a multivariant playlist names, from the server's root. */
const named = (target, text) => [...new Set([...text.matchAll(/URI="([^"]+\.m3u8)"|^([^#\n].*\.m3u8)$/gm)].map(m => m[1] ?? m[2]))]
  .map(uri => new URL(uri, `http://x${target}`).pathname);

function valid(name, text) {
  assert.match(text, /^<\?xml/);
  if (!withSchema) return;
  const { status, stderr } = spawnSync('xmllint', ['--noout', '--nonet', '--schema', path.join(schema, 'DASH-MPD.xsd'), '-'],
    { input: text, env: { ...process.env, XML_CATALOG_FILES: path.join(schema, 'catalog.xml') }, encoding: 'utf8' });
  assert.equal(status, 0, `${name}: ${stderr}\n${text}`);
}

/** Playlists of whole films, and what kinds of them there were: `v`ideo, `a`udio, `t`ext and small p`i`ctures. */
async function whole(index, query) {
  const { text } = await strict(index + query);
  const kinds = new Set();
  for (const playlist of named(index, text)) {
    const { parsed } = await strict(playlist);
    assert.ok(parsed.endlist && parsed.segments.length > 0, playlist);
    kinds.add(playlist.split('/').at(-2)[0]);
  }
  return kinds;
}

test('every film, whole, in every kind of manifest', { timeout: 120_000 }, async () => {
  const kinds = { hls: new Set(), ts: new Set() };
  assert.ok(server.list.length > films.length);
  for (const { name, id } of server.list) {
    for (const query of ['', '?copy=only', '?copy=none']) {
      (await whole(`/hls/${id}/index.m3u8`, query)).forEach(kind => kinds.hls.add(kind));
      valid(`${name}${query}`, (await get(`/dash/${id}/manifest.mpd${query}`)).text);
    }
    (await whole(`/ts/${id}/index.m3u8`, '')).forEach(kind => kinds.ts.add(kind));
  }
  assert.deepEqual([...kinds.hls].sort(), ['a', 'i', 't', 'v']);
  assert.deepEqual([...kinds.ts].sort(), ['a', 't', 'v']);
});

for (const { name } of [...films, { name: 'sound_alone.mp4' }]) {
  describe(name, () => {
    test('the live edge, from its beginning to its end', { timeout: 90_000 }, async () => {
      const { id, duration_s } = server.files[name];
      const index = `/live/${id}/index.m3u8`;
      const started = await fetch(`${server.url}/api/stream/${id}/start`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ mode: 'live', at_s: Math.max(0, duration_s - 8), wait: true }),
      });
      assert.equal(started.status, 200, await started.text());
      const playlists = named(index, (await strict(index)).text);
      assert.ok(playlists.length > 0);
      const follow = async playlist => {
        let { parsed } = await strict(playlist);
        assert.ok(parsed.segments.some(segment => segment.uri), 'a whole segment from the first list on');
        let reloads = 0;
        while (!parsed.endlist) {
          const last = parsed.segments.at(-1);
          const growing = last.uri ? { msn: last.mediaSequenceNumber + 1, part: 0 } : {
            msn: last.mediaSequenceNumber, part: last.parts.filter(part => !part.hint).length,
          };
          const next = await strict(`${playlist}?_HLS_msn=${growing.msn}&_HLS_part=${growing.part}${reloads % 2 ? '&_HLS_skip=YES' : ''}`);
          parsed = next.parsed;
          reloads += 1;
          assert.ok(reloads < 200, 'it ends');
        }
        assert.ok(reloads >= 5, `${reloads} reloads`);
      };
      const describe_ = async () => {
        for (let n = 0; n < 5; n += 1) {
          valid(`${name} live`, (await get(`/live/${id}/manifest.mpd`)).text);
          await sleep(500);
        }
      };
      await Promise.all([...playlists.map(follow), describe_()]);
      const { text } = await get(`/live/${id}/${playlists[0].split('/').at(-2)}/index.m3u8`);
      assert.match(text, /#EXT-X-ENDLIST\n$/);
    });
  });
}
