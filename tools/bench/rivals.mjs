// What the service is measured beside, each set up as well as it can be.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "./service.mjs";

export const HLS = "-f hls -hls_time 1 -hls_list_size 0 -hls_segment_type fmp4";
export const COPY = "-c copy";
export const ENCODE =
    "-c:v libx264 -preset ultrafast -tune zerolatency -g 24 -keyint_min 24 -sc_threshold 0 -pix_fmt yuv420p -c:a aac";

// Seconds until ffmpeg's playlist names its first segment.
export async function ffmpegFirstSegment(film, codecs, from = 0) {
    const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
    const playlist = join(folder, "index.m3u8");
    const position = from ? ["-ss", String(from)] : [];
    const begin = performance.now();
    const child = spawn(
        "ffmpeg",
        ["-nostdin", "-loglevel", "error", ...position, "-i", film, ...codecs.split(" "), ...HLS.split(" "), playlist],
        { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => child.once("exit", resolve));
    for (;;) {
        await sleep(1);
        try {
            if (readFileSync(playlist, "utf8").includes(".m4s")) break;
        } catch {
            // Not there yet.
        }
    }
    const seconds = (performance.now() - begin) / 1000;
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
    return seconds;
}

const CHUNK_SECONDS = 3;
// As go-vod does it in software: a chunk early, so that keyframes fall on chunks; constant quality; chunks are there
// when the playlist, written to standard output, names them.
export const ON_DEMAND = [
    `-copyts -fflags +genpts -vf format=nv12,scale=force_original_aspect_ratio=decrease -profile:v main`,
    `-map 0:v:0 -c:v libx264 -preset faster -crf 24 -map 0:a:0? -c:a aac -ac 1 -avoid_negative_ts disabled`,
    `-f hls -hls_flags split_by_time -hls_time ${CHUNK_SECONDS} -hls_segment_type mpegts`,
    `-force_key_frames expr:gte(t,n_forced*${CHUNK_SECONDS})`,
].join(" ");

// Seconds from the start of ffmpeg to the chunk of a position, and from there to the next one.
export async function chunksOnDemand(film, position) {
    const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
    const wanted = Math.floor(position / CHUNK_SECONDS);
    const from = (wanted - 1) * CHUNK_SECONDS;
    const begin = performance.now();
    const child = spawn(
        "ffmpeg",
        [
            "-nostdin", "-loglevel", "error", "-ss", String(from), "-i", film, ...ON_DEMAND.split(" "),
            "-start_number", String(wanted - 1), "-hls_segment_filename", join(folder, "%06d.ts"), "-",
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
    );
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const times = [];
    const names = [wanted, wanted + 1].map((chunk) => `${String(chunk).padStart(6, "0")}.ts`);
    for await (const line of createInterface({ input: child.stdout })) {
        if (line.includes(names[times.length])) times.push((performance.now() - begin) / 1000);
        if (times.length === names.length) break;
    }
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
    if (times.length < names.length) throw new Error(`ffmpeg made no chunks at ${position} s of ${film}`);
    return { first: times[0], next: times[1] - times[0] };
}

// The texts of the software profile with their holes filled, joined as the service joins them: a thread each for
// reading, decoding and encoding.
export function gstreamerPipeline(profile, film, values) {
    const text = readFileSync(profile, "utf8");
    const decode = /^h264 = \["([^"]+)"/m.exec(text)[1];
    const scale = /\[scale\]\s*text = "([^"]+)"/.exec(text)[1];
    const encode = /\[\[encode\.h264\]\]\s*text = "([^"]+)"/.exec(text)[1];
    const fill = (piece) => piece.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    return [
        `filesrc location=${film}`, "matroskademux", "queue", decode, fill(scale),
        "queue max-size-buffers=4", fill(encode), "fakesink sync=false",
    ].join(" ! ");
}

export async function gstreamerSeconds(pipeline) {
    const begin = performance.now();
    const child = spawn("sh", ["-c", 'exec gst-launch-1.0 -q $1', "sh", pipeline], { stdio: "ignore" });
    const code = await new Promise((resolve) => child.once("exit", resolve));
    if (code !== 0) throw new Error(`gst-launch-1.0 ${pipeline}: ${code}`);
    return (performance.now() - begin) / 1000;
}
