// A film whose segments come faster than a browser appends them: players must keep every piece. Shaka, where a static MPD
// says `availabilityTimeOffset`, appends the first piece of a segment before the last one of the segment in front of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { media, startServer, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

const NAME = 'heavy.mp4';
/** Seconds; more than two segments. */
const SPAN = 4.5;
const SEEKS = [21.3, 5.1, 30.7, 0.2, 13.9];
const MANIFESTS = { 'hls.js': ['hls'], Shaka: ['hls', 'dash'], 'dash.js': ['dash'] };

let server, stage, browser;
before(async () => {
  server = await startServer({ library: media() });
  stage = await serveStage();
  browser = await browsers.Chromium();
}, { timeout: 120_000 });

after(async () => {
  await browser?.close();
  await stage?.close();
  await server?.stop();
});

for (const [player, protocols] of Object.entries(MANIFESTS)) {
  for (const protocol of protocols) {
    test(`${player} keeps every piece of a burst, ${protocol}`, { timeout: 90_000 }, async () => {
      const { id } = server.files[NAME];
      const address = { hls: `/hls/${id}/index.m3u8`, dash: `/dash/${id}/manifest.mpd` }[protocol];
      const tab = await browser.open(stage.url);
      await tab.evaluate(`start(${JSON.stringify(player)}, ${JSON.stringify(`${server.url}${address}?copy=only`)}, null)`);
      let now;
      const plays = from => until(() => `${SPAN} s in one piece from ${from} s on; ${JSON.stringify(now)}`, 20_000, async () => {
        now = await tab.evaluate('(({ seen, events, ...rest }) => rest)(state())');
        assert.deepEqual(now.errors, [], 'the player complains');
        const whole = now.buffered.some(([start, end]) => start <= from && end >= from + SPAN);
        return whole && !now.seeking && now.time > from;
      });
      await plays(0);
      // Behind a seek back into what it has, dash.js does not fill the gap there, whoever serves the film.
      for (const to of player === 'dash.js' ? SEEKS.toSorted((a, b) => a - b) : SEEKS) {
        await tab.evaluate(`video.currentTime = ${to}`);
        await plays(to);
      }
      await tab.close();
    });
  }
}
