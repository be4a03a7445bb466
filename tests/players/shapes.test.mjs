// Pictures of other shapes and colours than browsers know, as the page shows them: what a telephone recorded upright, a DVD,
// a broadcast made of fields, and high dynamic range. PLAYER_SHOTS names a folder for screenshots of all of them, and of the
// real clips that are at hand.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import { launch, open, video } from './browser.mjs';
import { startServer, temporary, until } from './server.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const clips = process.env.CLIPS ?? path.resolve(here, '../../../shared/media');
const SECONDS = 8;
const RED = [200, 40, 40], GREEN = [40, 160, 40], BLUE = [40, 40, 200], WHITE = [255, 255, 255], GREY = [128, 128, 128];
const hex = rgb => `0x${rgb.map(value => value.toString(16).padStart(2, '0')).join('')}`;

/** SMPTE ST 2084: light in cd/m² as a value of 0 to 1. */
const pq = light => {
  const power = (Math.max(0, light) / 10_000) ** (2610 / 16384);
  return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32);
};
/** Light in the primaries of BT.709 as in those of BT.2020 (BT.2087). */
const wide = ([r, g, b]) => [
  0.6274 * r + 0.3293 * g + 0.0433 * b, 0.0691 * r + 0.9195 * g + 0.0114 * b, 0.0164 * r + 0.088 * g + 0.8956 * b];
/** Light of each patch, in cd/m². What is darker than 88 stays as bright as it is beside the white of paper, 203. */
const LIGHTS = [[20, 20, 20], [80, 80, 80], [80, 10, 10], [10, 60, 15], [10, 20, 80]];

/** Luma and differences of ten bits, plane after plane. */
function highRange(width, height) {
  const codes = LIGHTS.map(light => {
    const [r, g, b] = wide(light).map(pq);
    const y = 0.2627 * r + 0.678 * g + 0.0593 * b;
    return [64 + 876 * y, 512 + 896 * (b - y) / 1.8814, 512 + 896 * (r - y) / 1.4746].map(Math.round);
  });
  const out = [];
  for (const [plane, step] of [[0, 1], [1, 2], [2, 2]]) {
    for (let y = 0; y < height; y += step) {
      for (let x = 0; x < width; x += step) {
        const code = codes[Math.floor(x * LIGHTS.length / width)][plane];
        out.push(code & 255, code >> 8);
      }
    }
  }
  return Buffer.from(out);
}

let home, server, browser;
before(async () => {
  home = temporary();
  const library = path.join(home, 'library');
  fs.mkdirSync(library);
  const ffmpeg = (name, ...args) =>
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args, path.join(library, name)], { stdio: ['ignore', 'ignore', 'inherit'] });
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-pix_fmt', 'yuv420p'];

  const corner = (x, y, rgb) => `drawbox=${x}:${y}:160:90:${hex(rgb)}:fill`;
  const flat = path.join(home, 'flat.mp4');
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', `color=${hex(GREY)}:s=640x360:r=25:d=${SECONDS},format=gbrp,`
    + [corner(0, 0, RED), corner(480, 0, GREEN), corner(0, 270, BLUE), corner(480, 270, WHITE)].join(), ...h264, flat]);
  // A quarter clockwise is what it takes to see it upright.
  ffmpeg('upright.mp4', '-i', flat, '-c', 'copy', '-metadata:s:v', 'rotate=270');

  const disc = "geq=lum='if(lt(hypot((X-359.5)*64/45,Y-287.5),200),235,16)':cb=128:cr=128";
  ffmpeg('dvd.mpg', '-f', 'lavfi', '-i', `color=black:s=720x576:r=25:d=0.04,format=yuv420p,${disc},loop=loop=${25 * SECONDS - 1}:size=1`,
    '-c:v', 'mpeg2video', '-q:v', '2', '-aspect', '16:9', '-f', 'vob');

  // It moves by more than half its width from one field to the next.
  ffmpeg('fields.ts', '-filter_complex', `color=0x303030:s=720x576:r=50:d=${SECONDS}[a];color=0xf0f0f0:s=40x576:r=50:d=${SECONDS}[b];`
    + "[a][b]overlay=x='mod(n*24,680)':y=0,format=yuv420p,tinterlace=interleave_top,setfield=tff", '-flags', '+ildct+ilme',
    '-top', '1', '-c:v', 'mpeg2video', '-b:v', '6M', '-g', '12', '-aspect', '4:3');

  const raw = path.join(home, 'hdr.yuv');
  fs.writeFileSync(raw, highRange(640, 360));
  ffmpeg('hdr.mkv', '-stream_loop', '-1', '-f', 'rawvideo', '-pix_fmt', 'yuv420p10le', '-s', '640x360', '-r', '25', '-i', raw,
    '-frames:v', `${25 * SECONDS}`, '-color_primaries', 'bt2020', '-color_trc', 'smpte2084', '-colorspace', 'bt2020nc', '-c:v', 'libx265',
    '-preset', 'ultrafast', '-x265-params',
    'log-level=error:keyint=50:crf=10:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,200');

  const libraries = { Films: library, ...fs.existsSync(clips) && { Clips: clips } };
  server = await startServer({ libraries });
  browser = await launch();
}, { timeout: 180_000 });
after(async () => {
  await browser?.close();
  await server?.stop();
  fs.rmSync(home, { recursive: true, force: true });
});

/** What a viewer sees of a film after two seconds, or half of a shorter one: `at(u, v)` is a colour by its place in the picture, each 0 to 1. */
async function shown(name) {
  const page = await open(browser);
  await page.goto(`${server.url}/`);
  await page.getByRole('link').or(page.getByRole('button')).filter({ hasText: name }).first().click({ timeout: 15_000 });
  let now = null;
  await until(() => `two seconds of ${name}; ${JSON.stringify(now)} ${page.wrong} ${page.answers}`, 60_000, async () => {
    now = await video(page);
    assert.equal(now?.error ?? null, null, `the video element has failed: ${now?.error}`);
    if (now?.ready >= 2 && now.time >= Math.min(2, now.duration / 2)) return true;
    if (now?.paused && now.ready >= 2) await page.evaluate(() => document.querySelector('video').play().catch(() => {}));
  });
  const box = await page.evaluate(async () => {
    const player = document.querySelector('video');
    player.pause();
    // The bar is not what is looked at.
    for (const other of player.parentElement.children) if (other !== player) other.style.visibility = 'hidden';
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    return { width: player.videoWidth, height: player.videoHeight };
  });
  const bytes = await page.locator('video').first().screenshot();
  if (process.env.PLAYER_SHOTS) {
    fs.mkdirSync(process.env.PLAYER_SHOTS, { recursive: true });
    fs.writeFileSync(path.join(process.env.PLAYER_SHOTS, `${name}.png`), bytes);
  }
  assert.deepEqual(page.wrong, []);
  await page.context().close();
  const shot = PNG.sync.read(bytes);
  // Within the element the picture is as large as its shape allows.
  const scale = Math.min(shot.width / box.width, shot.height / box.height);
  const [width, height] = [box.width * scale, box.height * scale];
  const [left, top] = [(shot.width - width) / 2, (shot.height - height) / 2];
  const pixel = (x, y) => [...shot.data.subarray((y * shot.width + x) * 4, (y * shot.width + x) * 4 + 3)];
  const at = (u, v) => pixel(Math.floor(left + u * width), Math.floor(top + v * height));
  return { ...box, at, pixel, left, top, wide: width, high: height };
}

const off = (a, b) => Math.max(...a.map((value, n) => Math.abs(value - b[n])));
function near(found, expected, limit, what) {
  assert.ok(off(found, expected) <= limit, `${what}: ${found}, not ${expected}`);
}
/** Pixels of a row or a column that are bright. */
const bright = (count, look) => [...Array(Math.floor(count)).keys()].filter(n => look(n)[1] > 128);

describe('the page shows', () => {
  test('what a telephone recorded upright', { timeout: 90_000 }, async () => {
    const { width, height, at } = await shown('upright.mp4');
    assert.deepEqual([width, height], [360, 640]);
    for (const [u, v, expected] of [[0.1, 0.1, BLUE], [0.9, 0.1, RED], [0.1, 0.9, WHITE], [0.9, 0.9, GREEN], [0.5, 0.5, GREY]]) {
      near(at(u, v), expected, 16, `at ${u}, ${v}`);
    }
  });

  test('the circle of a DVD as a circle', { timeout: 90_000 }, async () => {
    const { width, height, pixel, left, top, wide: across, high: down } = await shown('dvd.mpg');
    assert.deepEqual([width, height], [1024, 576]);
    const [x, y] = [left, top].map(Math.ceil);
    const columns = bright(across - 1, n => pixel(x + n, Math.floor(top + down / 2))).length;
    const rows = bright(down - 1, n => pixel(Math.floor(left + across / 2), y + n)).length;
    assert.ok(Math.abs(columns - rows) <= 0.02 * rows, `${columns} wide and ${rows} high`);
    assert.ok(Math.abs(rows - 400 / 576 * down) <= 4, `${rows} high of ${down}`);
  });

  test('a broadcast made of fields without combs', { timeout: 90_000 }, async () => {
    const { width, height, pixel, left, top, wide: across, high: down } = await shown('fields.ts');
    assert.deepEqual([width, height], [768, 576]);
    const rows = [...Array(Math.floor(down * 0.6)).keys()].map(n => Math.floor(top + down * 0.2) + n);
    const edges = rows.map(y => bright(across - 1, n => pixel(Math.ceil(left) + n, y)));
    assert.ok(edges.every(row => row.length > 0), 'the bar is there in every line');
    const steps = edges.slice(1).map((row, n) => Math.max(Math.abs(row[0] - edges[n][0]), Math.abs(row.at(-1) - edges[n].at(-1))));
    assert.ok(Math.max(...steps) <= 2, `neighbouring lines are ${Math.max(...steps)} pixels apart`);
    const expected = 40 / 720 * across;
    assert.ok(edges.every(row => Math.abs(row.length - expected) <= 4), `the bar is ${edges[0].length} wide, not ${expected}`);
  });

  test('high dynamic range with the tones and colours of a usual screen', { timeout: 90_000 }, async () => {
    const { at } = await shown('hdr.mkv');
    for (const [n, light] of LIGHTS.entries()) {
      const expected = light.map(value => Math.round(255 * (value / 203) ** (1 / 2.4)));
      near(at((n + 0.5) / LIGHTS.length, 0.5), expected, 10, `light of ${light} cd/m²`);
    }
  });

  test('a real clip that has to be turned', { timeout: 90_000, skip: !fs.existsSync(path.join(clips, 'rotated_90.mov')) && 'no clip' }, async () => {
    const { width, height } = await shown('rotated_90.mov');
    assert.ok(height > width, `${width}x${height}`);
  });
});
