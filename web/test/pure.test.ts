import assert from "node:assert/strict";
import { test } from "node:test";
import type { MediaFile } from "../src/api";
import { bytes, clock, codecName, initials, length, plainTitle } from "../src/format";
import { firstQuality, playableCopy, qualities, resumeAt } from "../src/player/choice";
import { inOrder, type ManifestNode, offerPieces } from "../src/player/pieces";

test("times read like a clock", () => {
  assert.equal(clock(0), "0:00");
  assert.equal(clock(65.9), "1:05");
  assert.equal(clock(3725), "1:02:05");
  assert.equal(clock(Number.NaN), "0:00");
});

test("lengths and sizes are short", () => {
  assert.equal(length(42), "42 s");
  assert.equal(length(300), "5 min");
  assert.equal(length(5400), "1 h 30 min");
  assert.equal(length(7200), "2 h");
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(5_368_709_120), "5.4 GB");
});

test("names become initials and codecs get their usual spelling", () => {
  assert.equal(initials("Big Buck Bunny.mkv"), "BB");
  assert.equal(initials("The.Third.Man.1949.mkv"), "TM");
  assert.equal(initials("Sintel.2010.1080p.mkv"), "S");
  assert.equal(initials("1917.mkv"), "1");
  assert.equal(initials("東京物語.mp4"), "東");
  assert.equal(plainTitle("a_b.c.mov"), "a b c");
  assert.equal(codecName("h265"), "HEVC");
  assert.equal(codecName("theora"), "THEORA");
});

const file: MediaFile = {
  id: "f",
  name: "f.mkv",
  state: "ready",
  renditions: [
    { id: "c", kind: "video", copied: true, codec_string: "hvc1.1.6.L150", height: 2160 },
    { id: "a", kind: "video", copied: false, codec_string: "avc1.4d4033", height: 2160 },
    { id: "b", kind: "video", copied: false, codec_string: "avc1.4d4028", height: 1080 },
    { id: "d", kind: "video", copied: false, codec_string: "avc1.4d401f", height: 720 },
    { id: "s", kind: "audio", codec_string: "mp4a.40.2" },
  ],
};
const all = () => true;
const noHevc = (mime: string) => !mime.includes("hvc1");

test("the copy is taken where the browser decodes it", () => {
  assert.equal(playableCopy(file, all)?.id, "c");
  assert.deepEqual(firstQuality(qualities(file, all)), { copy: "only", height: 2160 });
});

test("otherwise the tallest picture up to 1080 lines is", () => {
  assert.equal(playableCopy(file, noHevc), undefined);
  assert.deepEqual(firstQuality(qualities(file, noHevc)), { copy: "none", height: 1080 });
  assert.deepEqual(firstQuality([]), { copy: "none", height: 1080 });
});

test("a film goes on where it was left, not at its very beginning or end", () => {
  assert.equal(resumeAt({ position_s: 600, duration_s: 5400 }), 600);
  assert.equal(resumeAt({ position_s: 8, duration_s: 5400 }), 0);
  assert.equal(resumeAt({ position_s: 5300, duration_s: 5400 }), 0);
  assert.equal(resumeAt(undefined), 0);
});

class Operation {
  constructor(
    readonly promise: Promise<{ data: { byteLength: number } }>,
    readonly abort: () => Promise<void>,
  ) {}
}
type Take = (piece: { byteLength: number }) => Promise<void>;

/** An answer of `pieces` that is there after `ms`, handed out one after the other, as Shaka does. */
function answer(pieces: number[], ms: number, streamDataCallback?: Take): Operation {
  const fetch = (_uri: string, request: { streamDataCallback?: Take | null }) => {
    let fail = (_: Error) => {};
    const whole = new Promise<{ data: { byteLength: number } }>((done, failed) => {
      fail = failed;
      setTimeout(() => done({ data: { byteLength: pieces.reduce((sum, piece) => sum + piece, 0) } }), ms);
    });
    const handOut = async () => {
      for (const byteLength of pieces) await request.streamDataCallback?.({ byteLength });
    };
    handOut().catch(() => {});
    return new Operation(whole, async () => fail(new Error("aborted")));
  };
  return inOrder(fetch, Operation)("http://box/0.m4s", { streamDataCallback });
}
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

test("a segment is there when its last piece is appended", async () => {
  let appended = 0;
  await answer([3, 2, 4], 0, async ({ byteLength }) => {
    await pause(5);
    appended += byteLength;
  }).promise;
  assert.equal(appended, 9);
});

test("a piece that cannot be appended is the last one", async () => {
  let tried = 0;
  await answer([3, 2, 4], 0, async () => {
    tried += 1;
    if (tried === 2) throw new Error("the player is gone");
  }).promise;
  assert.equal(tried, 2);
});

test("nothing is appended any more when a segment is given up", async () => {
  let appended = 0;
  const operation = answer([3, 2, 4], 1000, async ({ byteLength }) => {
    await pause(5);
    appended += byteLength;
  });
  await operation.abort();
  await assert.rejects(operation.promise, /aborted/);
  assert.equal(appended, 3, "the piece that was being appended, and no other");
  await pause(20);
  assert.equal(appended, 3);
});

test("what is not taken in pieces is there at once", async () => {
  await answer([3], 0).promise;
});

test("every template of a manifest offers pieces", () => {
  const element = (tagName: string, ...children: (ManifestNode | string)[]) => ({
    tagName,
    attributes: {},
    children,
  });
  const template: ManifestNode = element("SegmentTemplate");
  offerPieces(
    element("MPD", "\n", element("Period", element("AdaptationSet", element("Representation", template)))),
  );
  assert.deepEqual(template.attributes, { availabilityTimeOffset: "0.1" });
});
