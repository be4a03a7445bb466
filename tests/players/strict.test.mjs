// Every manifest of every film before the strictest checkers there are: hls-parser with all its rules, and the schema of
// ISO/IEC 23009-1 where a folder with it is at hand (../shared/schema beside the checkout, or $MPD_SCHEMA).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import HLS from 'hls-parser';
import { films } from './films.mjs';
import { media, raw, sleep, startServer } from './server.mjs';

HLS.setOptions({ strictMode: true });

const here = path.dirname(fileURLToPath(import.meta.url));
const schema = process.env.MPD_SCHEMA ?? path.resolve(here, '../../../shared/schema');
const withSchema = existsSync(path.join(schema, 'DASH-MPD.xsd'));

let server;
before(async () => { server = await startServer({ library: media() }); }, { timeout: 120_000 });
after(() => server?.stop());

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

for (const { name } of films) {
  describe(name, () => {
    test('the whole film', { timeout: 60_000 }, async () => {
      const { id } = server.files[name];
      for (const query of ['', '?copy=only', '?copy=none']) {
        const index = `/hls/${id}/index.m3u8`;
        const { text } = await strict(index + query);
        for (const playlist of named(index, text)) {
          const { parsed } = await strict(playlist);
          assert.ok(parsed.endlist && parsed.segments.length > 0);
        }
        valid(`${name}${query}`, (await get(`/dash/${id}/manifest.mpd${query}`)).text);
      }
    });

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
