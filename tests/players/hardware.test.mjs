// Films that hardware makes, of which stand-ins have the part: what viewers see when it fails, or has enough to do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { playlist, variants } from './films.mjs';
import { json, media, raw, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';
import { standIns } from './stand-ins.mjs';

const RATE = 25, PICTURES = 24 * RATE;
/** Seconds that are made ahead of who watches, and that a player has ahead. */
const AHEAD = 4;
/** A player that waits with more than this ahead waits for the processor and not for us. */
const ENOUGH = 0.5;
const FILMS = ['ten.mkv', 'ten more.mkv', 'ten again.mkv', 'ten once more.mkv'];
const GUIDE = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../docs/hardware.md');

let home, library, stage, browser;
before(async () => {
  home = temporary();
  library = path.join(home, 'library');
  fs.mkdirSync(library);
  const film = path.join(library, FILMS[0]);
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', path.join(media(), 'counted.mp4'), '-c:a', 'copy', '-pix_fmt', 'yuv420p10le',
    '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:keyint=50', film]);
  // Films of their own, though all look the same.
  FILMS.slice(1).forEach((name, n) => {
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', film, '-c', 'copy', '-metadata', `title=${n}`, path.join(library, name)]);
  });
  stage = await serveStage();
  browser = await browsers.Chromium();
}, { timeout: 240_000 });

after(async () => {
  await browser?.close();
  await stage?.close();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

/** A server that has NVIDIA's elements and knows what they can do. */
async function withCard(use, prepare = () => {}) {
  const folder = fs.mkdtempSync(path.join(home, 'card-'));
  const card = standIns(folder);
  card.install();
  prepare(card);
  const environment = { ...card.environment, MILLRACE_ENCODE_LOOK_AHEAD: `${AHEAD}s` };
  const server = await startServer({ library, environment });
  try {
    const report = await until('its trials', 60_000, () => hardware(server, found => found.state === 'done'));
    const profile = report.profiles.find(({ name }) => name === 'nvidia');
    assert.ok(profile.works && profile.decodes_on_device.includes('h265'), JSON.stringify(profile));
    await use(server, card);
  } finally {
    await server.stop();
  }
}

const hardware = async (server, wanted) => {
  const found = await json(server.url, '/api/hardware');
  return wanted(found) && found;
};
const address = (server, name) => `${server.url}/hls/${server.files[name].id}/index.m3u8?copy=none`;
/** Has a segment of a film's first rung made. */
async function segment(server, name, n) {
  const { url } = (await playlist((await variants(address(server, name)))[0].url)).segments[n];
  assert.equal((await raw(server.url, new URL(url).pathname)).status, 200, `segment ${n} of ${name}`);
}
const first = (server, name) => segment(server, name, 0);
/** Who makes what now: `[[film, profile]]`. */
const heads = async server => (await json(server.url, '/api/streams')).streams
  .filter(({ rendition }) => rendition.startsWith('v')).map(({ name, profile }) => [name, profile]);
/** The profiles that heads of a film were started with, and why. */
const started = (server, name) => {
  const { id } = server.files[name];
  const lines = server.log().split('\n').filter(line => line.includes('head starts') && line.includes(id) && line.includes('rendition=v'));
  return lines.map(line => [/profile="([^"]*)"/.exec(line)[1], /reason="([^"]*)"/.exec(line)[1]]);
};

test('a film that hardware makes goes on, and the next ones do without it, when the hardware dies', { timeout: 240_000 }, () => withCard(async (server, card) => {
  const [film, next] = FILMS;
  const rung = (await variants(address(server, film)))[0].url, before = await playlist(rung);
  const tab = await browser.open(stage.url);
  const settings = { maxBufferLength: AHEAD, maxMaxBufferLength: AHEAD };
  await tab.evaluate(`start('hls.js', ${JSON.stringify(address(server, film))}, null, null, ${JSON.stringify(settings)})`);
  await until('five seconds of it', 60_000, async () => (await tab.evaluate('video.currentTime')) > 5);
  assert.deepEqual(started(server, film).map(([profile]) => profile), ['nvidia'], server.log());
  card.order({ nvh264enc: '{ abort = 0 }' });
  const moved = () => started(server, film).some(([profile]) => profile === 'software');
  await until('another profile', 60_000, moved);
  card.order({});
  let state;
  await until(() => `the end; ${JSON.stringify(state)}`, 120_000, async () => {
    state = await tab.evaluate('(({ seen, ...rest }) => rest)(state())');
    assert.equal(state.error, null);
    return state.ended;
  });
  const { seen, frames, events, errors } = await tab.evaluate('state()');
  await tab.close();
  assert.deepEqual(errors, []);
  seen.forEach(({ own, frame }) => { assert.equal(frame, Math.round(own * RATE), `the picture of ${own} s`); });
  assert.equal(frames, PICTURES);
  const begun = events.slice(events.findIndex(({ kind }) => kind === 'playing') + 1);
  assert.deepEqual(begun.filter(({ kind, time, ahead }) => kind === 'waiting' && ahead < ENOUGH && time < PICTURES / RATE - 1), []);
  assert.deepEqual(await playlist(rung), before, 'its addresses');

  const [, [, reason]] = started(server, film);
  assert.match(reason, /on the processor; nvidia rests for \d+ s: worker died/);
  const found = await json(server.url, '/api/hardware');
  assert.ok(found.resting.some(rest => rest.profile === 'nvidia' && rest.combination === null && rest.left_s > 0), JSON.stringify(found.resting));
  await first(server, next);
  assert.deepEqual(started(server, next).map(([profile]) => profile), ['software']);
}));

test('where the hardware has one session, the second viewer\'s film is encoded elsewhere', { timeout: 180_000 }, () => withCard(async server => {
  await first(server, FILMS[0]);
  assert.deepEqual(await heads(server), [[FILMS[0], 'nvidia']]);
  await first(server, FILMS[1]);
  // The first to be refused finds the limit out, and the card's decoder is at work all the same.
  assert.deepEqual((await heads(server)).find(([name]) => name === FILMS[1]), [FILMS[1], 'nvidia+software']);
  assert.deepEqual(started(server, FILMS[1]).map(([profile]) => profile), ['nvidia', 'nvidia+software']);
  await first(server, FILMS[2]);
  assert.deepEqual(started(server, FILMS[2]).map(([profile]) => profile), ['nvidia+software']);
  assert.match(started(server, FILMS[2])[0][1], /nvidia has one session, which is taken/);
  const found = await json(server.url, '/api/hardware');
  assert.deepEqual(found.sessions, [{ profile: 'nvidia', at_work: 1, limit: 1 }]);
  // The first viewer is none the worse.
  await segment(server, FILMS[0], 2);
  assert.deepEqual(started(server, FILMS[0]).map(([profile]) => profile), ['nvidia']);
}, card => card.limit(1)));

test('hardware that refuses is not asked again for a while, and nobody hears of it', { timeout: 180_000 }, () => withCard(async (server, card) => {
  card.order({ nvh264enc: '"refuse"' });
  await first(server, FILMS[0]);
  await first(server, FILMS[1]);
  assert.deepEqual(started(server, FILMS[0]).map(([profile]) => profile), ['nvidia', 'nvidia+software']);
  assert.deepEqual(started(server, FILMS[1]).map(([profile]) => profile), ['nvidia+software']);
}));

test('a driver that is installed while the service runs is found', { timeout: 180_000 }, async () => {
  const card = standIns(fs.mkdtempSync(path.join(home, 'card-')));
  const server = await startServer({ library, environment: card.environment });
  try {
    const works = wanted => found => found.state === 'done' && found.profiles.find(({ name }) => name === 'nvidia').works === wanted;
    const before = await until('its trials', 60_000, () => hardware(server, works(false)));
    assert.match(before.profiles.find(({ name }) => name === 'nvidia').reason, /no element/);
    card.install();
    // It looks by itself, too, from time to time.
    process.kill(server.pid, 'SIGHUP');
    await until('the card', 60_000, () => hardware(server, works(true)));
    await first(server, FILMS[0]);
    assert.deepEqual(started(server, FILMS[0]).map(([profile]) => profile), ['nvidia']);
  } finally {
    await server.stop();
  }
});

test('a profile that is dropped into a folder is used when the service is told, and one with a mistake is named', { timeout: 180_000 }, async () => {
  const example = /```toml\n(name = "guide"[^]*?)\n```\n/.exec(fs.readFileSync(GUIDE, 'utf8'))[1];
  const config = path.join(home, 'config'), folder = path.join(config, 'millrace', 'pipelines'), file = path.join(folder, 'guide.toml');
  fs.mkdirSync(folder, { recursive: true });
  const server = await startServer({ library, environment: { XDG_CONFIG_HOME: config } });
  try {
    await until('its trials', 60_000, () => hardware(server, found => found.state === 'done'));
    await first(server, FILMS[0]);
    assert.deepEqual(started(server, FILMS[0]).map(([profile]) => profile), ['software']);

    fs.writeFileSync(file, example);
    process.kill(server.pid, 'SIGHUP');
    const known = found => found.state === 'done' && found.profiles.find(({ name }) => name === 'guide')?.works;
    await until('the profile', 60_000, () => hardware(server, known));
    await first(server, FILMS[1]);
    assert.deepEqual(started(server, FILMS[1]).map(([profile]) => profile), ['guide']);

    fs.writeFileSync(file, example.replace('priority', 'prioritty'));
    process.kill(server.pid, 'SIGHUP');
    const { mistakes } = await until('the mistake', 30_000, () => hardware(server, found => found.mistakes.length > 0));
    assert.match(mistakes[0], /guide\.toml:\d+:\d+: .*prioritty/);
    assert.ok(await hardware(server, known), 'the ones before stay');
  } finally {
    await server.stop();
  }
});
