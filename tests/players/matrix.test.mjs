// Every player against every kind of film: start, three seeks, the end, nothing wrong and no wait that no seek explains.
// By default each player plays one kind. MATRIX=all plays everything, MATRIX=hevc or MATRIX=mpv what has that in its name,
// and MATRIX_TABLE=file writes the table into the file, where docs/conformance.md has it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import { media, sleep, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

/** Pictures a second of the numbers in them, and seconds of each film. */
const RATE = 25, LENGTH = 24;
/** Far forward, back, forward; at each of them a line of subtitles is shown. */
const SEEKS = [16.5, 4.9, 20.4];
/** What the two languages sound like. */
const TONES = { en: 440, de: 880 };

const KINDS = {
  copy: { film: 'counted.mp4', query: '?copy=only' },
  transcode: { film: 'counted.mp4', query: '?copy=none' },
  'two languages': { film: 'counted_languages.mkv', languages: true },
  '5.1': { film: 'counted_surround.mkv', channels: 6 },
  subtitles: { film: 'counted_subtitles.mkv', text: true },
  HEVC: { film: 'counted_hevc.mkv', hevc: true },
  VFR: { film: 'counted_vfr.mp4', query: '?copy=only', pictures: 387, vfr: true },
  'VFR, transcode': { film: 'counted_vfr.mp4', query: '?copy=none' },
  'audio only': { film: 'sound_alone.mp4', pictures: 0 },
  'video only': { film: 'counted_silent.mp4', silent: true },
};

const PLAYERS = {
  'hls.js': { play: inBrowser('Chromium', 'hls.js', 'hls'), sample: 'two languages' },
  'Shaka HLS': { play: inBrowser('Chromium', 'Shaka', 'hls'), sample: 'subtitles' },
  'Shaka DASH': { play: inBrowser('Chromium', 'Shaka', 'dash'), sample: 'VFR' },
  'dash.js': { play: inBrowser('Chromium', 'dash.js', 'dash'), sample: 'transcode' },
  'Chromium HLS': { play: inBrowser('Chromium', 'native', 'hls'), sample: 'copy' },
  'Firefox + hls.js': { play: inBrowser('Firefox', 'hls.js', 'hls'), sample: 'HEVC' },
  'ffmpeg HLS': { play: ffmpeg('hls'), sample: '5.1' },
  'ffmpeg DASH': { play: ffmpeg('dash'), sample: 'VFR, transcode' },
  'mpv HLS': { play: mpv('hls'), sample: 'two languages' },
  'mpv DASH': { play: mpv('dash'), sample: 'video only' },
  hlsdemux2: { play: gstreamer('hls'), sample: 'audio only' },
  dashdemux2: { play: gstreamer('dash'), sample: 'subtitles' },
};

const wanted = process.env.MATRIX;
const among = (player, kind) => {
  if (!wanted) return PLAYERS[player].sample === kind;
  return wanted === 'all' || `${player} ${kind}`.toLowerCase().includes(wanted.toLowerCase());
};

let server, stage, home;
before(async () => {
  home = temporary();
  server = await startServer({ library: media() });
  stage = await serveStage();
}, { timeout: 240_000 });

after(async () => {
  await stage?.close();
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

const address = (protocol, { film, query = '' }) =>
  `${server.url}/${protocol}/${server.files[film].id}/${protocol === 'dash' ? 'manifest.mpd' : 'index.m3u8'}${query}`;

/** The line that is shown at a time, as make-media.sh writes them. */
const lineAt = time => (time % 4 < 2 ? `Second ${Math.floor(time / 4) * 4}` : '');

/** The number of picture in a row of brightnesses of it, asked for by place. */
const number = brightness => [...Array(10).keys()].reduce((sum, bit) => sum + (brightness(32 + 64 * bit, 330) > 128 ? 1 << bit : 0), 0);

/** A film of a variable rate has three pictures' time between two of them, and a player may show the next or the last. */
const near = (shown, time, kind) => Math.abs(shown / RATE - time) < (kind.film === KINDS.VFR.film ? 0.17 : 0.1);

// Browsers

/**
 * Waits for media that no seek and no other language explains. With media at hand a wait is that of a decoder on a busy
 * machine.
 */
function stalls(events) {
  let explained = false, seeking = false;
  return events.slice(events.findIndex(({ kind }) => kind === 'playing')).filter(({ kind, time, ahead }) => {
    if (kind === 'seeking' || kind === 'switching') explained = true;
    if (kind === 'seeking' || kind === 'seeked') seeking = kind === 'seeking';
    // One from before a seek may be told behind its beginning.
    if (kind === 'playing' && !seeking) explained = false;
    return kind === 'waiting' && !explained && ahead < 0.5 && time < LENGTH - 0.2;
  });
}

function inBrowser(browser, player, protocol) {
  const play = async (kind, open) => {
    const tab = await open.open(stage.url);
    const withText = kind.text && player !== 'native';
    let now;
    const reaches = (what, look) => until(() => `${what}; ${JSON.stringify(now)}`, 30_000, async () => {
      now = await tab.evaluate(`({
        ...still(), ended: video.ended, ahead: ahead(), events: events.slice(-12), text: shownText(), loaded: loadedRenditions(), errors,
      })`);
      assert.equal(now.error, null, 'the video element has failed');
      assert.deepEqual(now.errors, [], 'the player complains');
      return look(now);
    });
    /** Time goes on there, and the picture and the line are those of the time. */
    const shows = (from, to) => reaches(`it plays from ${from} s`, ({ ready, time, frame, text }) => ready
      && time > from && time < to && (kind.pictures === 0 || near(frame, time, kind))
      && (!withText || !lineAt(from) || text === lineAt(time) || time % 4 > 1.9));
    try {
      await tab.evaluate(`start(${[player, address(protocol, kind), null, withText ? 'en' : null].map(value => JSON.stringify(value)).join(', ')})`);
      await shows(0.5, 6);
      if (kind.languages && player !== 'native') {
        assert.ok(!now.loaded.includes('a1copy'), 'the other language is not loaded before it is chosen');
        await tab.evaluate('speak("de")');
        // dash.js, whoever serves the film, may not fill a gap or not end where a seek comes upon the change.
        await reaches('the other language is loaded', ({ loaded, ready, ahead }) => loaded.includes('a1copy') && ready && ahead > 1.5);
      }
      for (const to of SEEKS) {
        await tab.evaluate(`video.currentTime = ${to}`);
        await shows(to + 0.3, to + 5);
      }
      await reaches('the end', ({ ended }) => ended);
      assert.ok(Math.abs(now.time - LENGTH) < 0.1, `it ends at ${now.time} s`);
      if (kind.pictures !== 0) assert.ok(near(now.frame, LENGTH, kind), `the last picture is ${now.frame}`);
      const { events } = await tab.evaluate('state()');
      assert.deepEqual(stalls(events), [], 'it waited');
      const { loaded } = now;
      if (kind.hevc && !loaded.includes('vcopy')) return `plays, transcoded: ${browser} has no HEVC here`;
      if (kind.channels && !loaded.includes('a0copy')) return `plays in stereo: ${browser} has no AC-3`;
      if (kind.text && !withText) return `pictures and sound play; ${browser}'s own HLS has no subtitles`;
      if (kind.languages && player === 'native') return 'plays; a page has no call to choose the language';
    } finally {
      await tab.close();
    }
  };
  return { browser, play };
}

// Programs

const LEGACY = 'plays, transcoded: transport streams have H.264 alone';
const REFUSED = 'pictures and sound play; FFmpeg 5.1 has no subtitles in HLS';
/** All that ffmpeg may say. */
const REFUSAL = /^(.*Can't support the subtitle.*\n)*$/;

/** Runs a program to its end; what it printed. It has to be silent on its other channel. */
const output = (program, args, { seconds = 90, silent = true } = {}) => new Promise((done, failed) => {
  execFile(program, args, { timeout: seconds * 1000, killSignal: 'SIGKILL', maxBuffer: 256 << 20, encoding: 'buffer' }, (error, out, err) => {
    const how = error?.killed ? `not within ${seconds} s` : error?.code;
    if (error) failed(new Error(`${program} ${args.join(' ')}: ${how}\n${out.subarray(-3000)}\n${err.subarray(-3000)}`));
    else if (silent && !REFUSAL.test(err)) failed(new Error(`${program} ${args.join(' ')} complains:\n${err.subarray(0, 3000)}`));
    else done(out);
  });
});

/** How often samples go up through zero in a second. */
function pitch(bytes, rate) {
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  assert.ok(samples.length > rate / 2, `${samples.length} samples`);
  return samples.reduce((count, sample, n) => count + (n > 0 && samples[n - 1] < 0 && sample >= 0), 0) * rate / samples.length;
}

const sounds = (heard, language) => assert.ok(Math.abs(heard - TONES[language]) < 20, `${heard} Hz is not ${language}`);

/** FFmpeg 5.1 loses its place in fragmented MP4 when it seeks in HLS, in what it made itself too: there are transport streams. */
const seekable = protocol => (protocol === 'hls' ? 'ts' : protocol);

function ffmpeg(protocol) {
  const decode = (url, before, ...args) => output('ffmpeg', ['-nostdin', '-v', 'warning', ...before, '-i', url, ...args, '-']);
  /** All pictures and all sound from start to end, of all renditions at once. */
  const whole = async (url, kind) => {
    const probe = JSON.parse(await output('ffprobe', ['-v', 'error', '-show_streams', '-of', 'json', url])).streams;
    const of = type => probe.filter(stream => stream.codec_type === type);
    const counts = new Map();
    for (const line of (await decode(url, [], '-map', '0:v?', '-map', '0:a?', '-fps_mode', 'passthrough', '-f', 'framecrc')).toString().split('\n')) {
      const stream = /^\d+/.exec(line)?.[0];
      if (stream) counts.set(Number(stream), (counts.get(Number(stream)) ?? 0) + 1);
    }
    const pictures = of('video').map((_, n) => counts.get(n));
    assert.deepEqual(pictures, pictures.map(() => kind.pictures ?? RATE * LENGTH), 'pictures of each rendition');
    assert.equal(counts.size, of('video').length + of('audio').length);
    assert.equal(pictures.length > 0, kind.pictures !== 0);
    assert.equal(of('audio').length > 0, !kind.silent);
    if (kind.channels) assert.ok(of('audio').some(({ channels }) => channels === kind.channels), `${kind.channels} channels`);
    return of('audio').map(({ tags }) => tags?.language);
  };
  const seek = async (url, to, kind, languages) => {
    if (kind.pictures !== 0) {
      const gray = await decode(url, ['-ss', String(to)], '-map', '0:v:0', '-frames:v', '1', '-pix_fmt', 'gray', '-f', 'rawvideo');
      const shown = number((x, y) => gray[y * 640 + x]);
      assert.ok(near(shown, to, kind) || late(kind) && shown > to * RATE, `picture ${shown} at ${to} s`);
    }
    // In a transport stream the first language is among the pictures, where nothing tells its name.
    for (const language of kind.silent ? [] : kind.languages ? ['en', 'de'] : [null]) {
      const n = language === 'de' ? languages.indexOf('de') : languages.findIndex(name => name !== 'de');
      const sound = await decode(url, ['-ss', String(to)], '-t', late(kind) ? '5' : '1', '-map', `0:a:${n}`, '-ac', '1', '-ar', '48000', '-f', 's16le');
      if (language) sounds(pitch(sound, 48_000), language);
      else assert.ok(pitch(sound, 48_000) > 50);
    }
  };
  // In transport streams it comes out a segment late, in those of its own making too, where a variable rate lets decoding
  // lead by more than at the start of the film.
  const late = kind => kind.vfr && protocol === 'hls';
  const play = async kind => {
    let languages;
    for (const from of new Set([protocol, seekable(protocol)])) languages = await whole(address(from, kind), kind);
    for (const to of SEEKS) await seek(address(seekable(protocol), kind), to, kind, languages);
    if (kind.hevc && protocol === 'hls') return 'plays; seeks are in the transcode, transport streams have H.264 alone';
    if (late(kind)) return 'plays; a seek may land on the segment behind';
    if (!kind.text) return;
    if (protocol === 'hls') return REFUSED;
    const text = (await decode(address(protocol, kind), [], '-map', '0:s:0', '-f', 'srt')).toString();
    for (const second of ['04', '20']) assert.match(text, new RegExp(`00:00:${second},0\\d\\d --> [^]*Second ${Number(second)}\\s`));
  };
  return { play };
}

/** An mpv that is spoken to over its socket, and has nothing to play yet. */
async function startMpv() {
  const socket = path.join(home, 'mpv.socket');
  fs.rmSync(socket, { force: true });
  const child = spawn('mpv', ['--no-config', '--vo=null', '--ao=null', '--msg-level=all=warn', '--screenshot-png-compression=1',
    '--sid=no', '--idle', `--input-ipc-server=${socket}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const channel of [child.stdout, child.stderr]) channel.setEncoding('utf8').on('data', text => { said = (said + text).slice(-20_000); });
  const exit = new Promise(done => child.once('exit', done));
  const orphan = () => child.kill('SIGKILL');
  process.once('exit', orphan);
  const line = await until(() => `mpv listens; ${said}`, 20_000, () => new Promise(done => {
    const connection = net.connect(socket, () => done(connection)).once('error', () => done(null));
  }), 50);
  const events = [], waiting = new Map();
  let last = 0, rest = '';
  line.setEncoding('utf8').on('data', text => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const message of lines.map(JSON.parse)) {
      if (message.event) events.push(message);
      else waiting.get(message.request_id)?.(message);
    }
  }).on('error', () => {}).on('close', () => waiting.forEach(answer => answer({ error: 'mpv is gone' })));
  return {
    events,
    // Its status line aside. A null device of a busy machine is late, whatever is played; FFmpeg counts segments and takes
    // a seek back for a wrap, and says that it has no subtitles.
    said: () => said.replaceAll(/^.*(\r|AV: |A: |V: |Audio device underrun|Can't support the subtitle|list sequence have been wraped).*\n?/gm, '').trim(),
    ask: (...command) => new Promise(done => {
      if (line.destroyed) throw new Error(`mpv is gone: ${said}`);
      last += 1;
      waiting.set(last, ({ error, data }) => done(error === 'success' ? data : null));
      line.write(`${JSON.stringify({ command, request_id: last })}\n`);
    }),
    async close() {
      child.kill('SIGTERM');
      await Promise.race([exit, sleep(5000).then(orphan)]);
      await exit;
      line.destroy();
      process.off('exit', orphan);
    },
  };
}

function mpv(protocol) {
  const play = async kind => {
    const player = await startMpv();
    let told = '', sought = 0;
    const patience = (what, look) => until(() => `${what}; ${told} ${player.said()} ${JSON.stringify(player.events.slice(-8))}`, 30_000, look);
    const restarts = () => player.events.filter(({ event }) => event === 'playback-restart').length;
    /** Behind a start or seek: time goes on, and the picture is that of the time. */
    const shows = async from => {
      await patience(`it starts at ${from} s`, () => restarts() > sought);
      await patience(`it plays from ${from} s`, async () => {
        const time = await player.ask('get_property', 'time-pos');
        told = `at ${time} s`;
        return time > from + 0.3;
      });
      if (kind.pictures !== 0) {
        const file = path.join(home, 'mpv.png');
        await player.ask('set_property', 'pause', true);
        await player.ask('screenshot-to-file', file, 'video');
        const time = await player.ask('get_property', 'time-pos');
        await player.ask('set_property', 'pause', false);
        const { width, data } = PNG.sync.read(fs.readFileSync(file));
        const shown = number((x, y) => data[(y * width + x) * 4 + 1]);
        assert.ok(near(shown, time, kind), `picture ${shown} at ${time} s`);
      }
    };
    try {
      await player.ask('observe_property', 1, 'paused-for-cache');
      await player.ask('loadfile', address(seekable(protocol), kind));
      await patience('it plays', async () => await player.ask('get_property', 'time-pos') > 0.1);
      await shows(0.1);
      if (kind.languages) {
        const tracks = await player.ask('get_property', 'track-list');
        await player.ask('set_property', 'aid', tracks.find(({ type, lang }) => type === 'audio' && lang === 'de').id);
      }
      for (const to of SEEKS) {
        sought = restarts();
        await player.ask('seek', to, 'absolute+exact');
        await shows(to);
        if (kind.languages) assert.equal(await player.ask('get_property', 'current-tracks/audio/lang'), 'de');
      }
      const end = await patience('the end', () => player.events.find(({ event }) => event === 'end-file'));
      assert.equal(end.reason, 'eof');
      // It waits for data only behind starts and seeks.
      let explained = true;
      const waits = player.events.filter(({ event, name, data }) => {
        if (event === 'seek') explained = true;
        if (event === 'playback-restart') explained = false;
        return name === 'paused-for-cache' && data && !explained;
      });
      assert.deepEqual(waits, [], 'it waited');
      assert.equal(player.said(), '', 'mpv complains');
      if (kind.hevc && protocol === 'hls') return LEGACY;
      if (kind.text && protocol === 'hls') return REFUSED;
      if (kind.text) return 'pictures and sound play; FFmpeg 5.1 ends a film of DASH with its last subtitle, if one is chosen';
    } finally {
      await player.close();
    }
  };
  return { play };
}

function gstreamer(protocol) {
  const play = async kind => {
    const demuxer = `${protocol}demux2`;
    // It goes from HEVC to H.264 in mid-stream where it has room for more bits, and its own parser refuses that.
    const mixed = kind.hevc && protocol === 'hls';
    const url = address(protocol, mixed ? { ...kind, query: '?copy=only' } : kind);
    const out = await output('/usr/bin/python3',
      [path.join(here, 'gst-player.py'), url, demuxer, kind.languages ? 'de' : '-', ...SEEKS.map(String)], { silent: false });
    const told = out.toString().trim().split('\n').map(JSON.parse);
    const all = JSON.stringify(told, null, 1);
    const places = told.filter(({ kind }) => kind === 'plays');
    assert.deepEqual(places.map(({ where }) => where), ['start', ...SEEKS], all);
    for (const { where, at, picture, pitch, text } of places) {
      const from = where === 'start' ? 0 : where;
      assert.ok(Math.abs(at - from) < 0.1, `${from}: ${all}`);
      if (kind.pictures !== 0) assert.ok(near(picture, at, kind), `${from}: ${all}`);
      if (kind.languages) sounds(pitch, where === 'start' ? 'en' : 'de');
      else if (!kind.silent) assert.ok(pitch > 50, all);
      if (kind.text) assert.equal(text, lineAt(from), all);
    }
    const end = told.at(-1);
    assert.ok(end.kind === 'end' && end.demuxer, all);
    if (kind.pictures !== 0) assert.ok(near(end.picture, LENGTH, kind), all);
    assert.deepEqual(told.filter(({ kind }) => !['plays', 'end'].includes(kind)), [], 'it waited');
    if (mixed) return 'plays the copy alone; GStreamer 1.22 cannot change to the H.264 beside it';
  };
  return { play };
}

// The table

const table = Object.fromEntries(Object.keys(KINDS).map(kind => [kind, {}]));

for (const [name, { play: { browser, play } }] of Object.entries(PLAYERS)) {
  const kinds = Object.keys(KINDS).filter(kind => among(name, kind));
  if (kinds.length === 0) continue;
  describe(name, () => {
    let open;
    if (browser) {
      before(async () => { open = await browsers[browser](); }, { timeout: 90_000 });
      after(() => open?.close());
    }
    for (const kind of kinds) {
      test(kind, { timeout: 180_000 }, async () => {
        table[kind][name] = '**fails**';
        table[kind][name] = await play(KINDS[kind], open) ?? 'plays';
      });
    }
  });
}

after(() => {
  if (!process.env.MATRIX_TABLE) return;
  const row = cells => `| ${cells.join(' | ')} |\n`;
  const kinds = Object.keys(KINDS);
  const text = row(['', ...kinds]) + row(['---', ...kinds.map(() => '---')])
    + Object.keys(PLAYERS).map(player => row([player, ...kinds.map(kind => table[kind][player] ?? '')])).join('');
  const file = process.env.MATRIX_TABLE, mark = /(<!-- matrix: begin -->\n)[^]*(<!-- matrix: end -->)/;
  const before = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  fs.writeFileSync(file, mark.test(before) ? before.replace(mark, (_, begin, end) => begin + text + end) : text);
});
