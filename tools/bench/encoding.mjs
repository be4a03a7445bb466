// First fragments, seeks and the speed of encoding.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CACHE, place } from "./media.mjs";
import { COPY, ENCODE, chunksOnDemand, ffmpegFirstSegment, gstreamerPipeline, gstreamerSeconds } from "./rivals.mjs";
import { Service, residentMegabytes, sleep } from "./service.mjs";
import { repeat, row, sideBySide } from "./table.mjs";

export async function firstFragments({ service, films, paths }) {
    for (const [name, kind, codecs, limit, what] of [
        ["h264", "vcopy", COPY, 0.1, "H.264, pass-through"],
        ["h264", "v1080", ENCODE, 0.3, "H.264, transcode to 1080p"],
        ["hevc10", "v1080", ENCODE, 0.45, "10-bit HEVC, transcode to 1080p"],
    ]) {
        const film = films[name];
        const path = service.segmentPath(film, kind, 0);
        const ours = async () => {
            await service.rest(film);
            return service.firstFragment(path);
        };
        const measured = await sideBySide(ours, () => ffmpegFirstSegment(paths[name], codecs));
        await service.rest(film);
        row(`First fragment: ${what}`, { ...measured, target: { limit } });
    }
}

// Far from anything made, 90 % into the film.
const FAR = 0.9;
const KINDS = [
    ["vcopy", COPY, 0.1, "pass-through"],
    // Segments of both kinds begin at keyframes of this film: no frame is decoded in vain.
    ["v1080", ENCODE, 0.35, "transcode"],
];

export async function seeks({ service, films, paths }) {
    const film = films.long;
    for (const [kind, codecs, limit, what] of KINDS) {
        const { segments, cut_list: cuts } = film.renditions[kind];
        const segment = Math.floor(segments * FAR);
        const from = (cuts.duration_s * segment) / segments;
        const path = service.segmentPath(film, kind, segment);
        const alone = async () => {
            await service.rest(film);
            return service.firstFragment(path);
        };
        const measured = await sideBySide(alone, () => ffmpegFirstSegment(paths.long, codecs, from));
        row(`Seek to 90 % of ten minutes: ${what}, nothing else running`, { ...measured, target: { limit } });
        const besides = async () => {
            await service.rest(film);
            const viewer = service.watch(film, kind);
            while (viewer.segments < 1) await sleep(5);
            const seconds = await service.firstFragment(path);
            await viewer.stop();
            return seconds;
        };
        const ours = await repeat(besides);
        await service.rest(film);
        row(`Seek to 90 %: ${what}, another viewer reads from the start as fast as it can`, { ours, target: { limit } });
    }
}

// The other viewer is a player: it fills its buffer and then reads as fast as it plays.
export async function seeksBesideAPlayer({ service, films }) {
    const film = films.long;
    for (const [kind, , limit, what] of KINDS) {
        const { segments } = film.renditions[kind];
        const segment = Math.floor(segments * FAR);
        const [path, next] = [0, 1].map((more) => service.segmentPath(film, kind, segment + more));
        const [first, speeds] = [[], []];
        await repeat(async () => {
            await service.rest(film);
            const viewer = service.play(film, kind);
            await viewer.filled;
            first.push(await service.firstFragment(path));
            // From that fragment to the end of the next segment.
            const begin = performance.now();
            await service.bytes("GET", path);
            await service.bytes("GET", next);
            speeds.push((2 * service.segmentSeconds(film, kind)) / ((performance.now() - begin) / 1000));
            await viewer.stop();
        });
        await service.rest(film);
        row(`Seek to 90 %: ${what}, another viewer plays`, { ours: first, target: { limit } });
        row(`Speed from there on, the segment sought and the next: ${what}, another viewer plays`, {
            ours: speeds, unit: "× real time", target: { least: 1 },
        });
    }
}

// What a service of the other kind does: an ffmpeg for each seek, and whole chunks.
export async function seeksOfAnother({ service, films, paths }) {
    const film = films.long;
    const { segments, cut_list: cuts } = film.renditions.v1080;
    const segment = Math.floor(segments * FAR);
    const path = service.segmentPath(film, "v1080", segment);
    const [ours, rival, oursNext, rivalNext] = [[], [], [], []];
    await repeat(async () => {
        await service.rest(film);
        const begin = performance.now();
        await service.bytes("GET", path);
        ours.push((performance.now() - begin) / 1000);
        const then = performance.now();
        await service.bytes("GET", service.segmentPath(film, "v1080", segment + 1));
        oursNext.push((performance.now() - then) / 1000);
        const chunks = await chunksOnDemand(paths.long, cuts.duration_s * FAR);
        rival.push(chunks.first);
        rivalNext.push(chunks.next);
    });
    await service.rest(film);
    const beside = "beside chunks made on demand as go-vod makes them";
    row(`Seek to 90 %: transcode, the whole first segment, ${beside}`, { ours, rival });
    row(`The whole next segment after that, ${beside}`, { ours: oursNext, rival: rivalNext });
}

export async function encodeSpeed({ service, films, paths, report }) {
    const [film, seconds] = [films.short, 20];
    const { segments, cut_list: cuts, frame_rate: rate } = film.renditions.v1080;
    const frames = Math.round(cuts.duration_s * rate);
    const values = { width: 1920, height: 1080, kbps: 6000, bps: 6000000, level: 4 };
    const pipeline = gstreamerPipeline("pipelines/software.toml", paths.short, values);
    const workers = [];
    const ours = async () => {
        await service.rest(film);
        const begin = performance.now();
        for (let segment = 0; segment < segments; segment += 1) {
            await service.bytes("GET", service.segmentPath(film, "v1080", segment));
            workers.push(Math.max(...service.workers().map(residentMegabytes)));
        }
        return frames / ((performance.now() - begin) / 1000);
    };
    const rival = async () => frames / (await gstreamerSeconds(pipeline));
    const measured = await sideBySide(ours, rival);
    await service.rest(film);
    row(`Encode speed: ${seconds} s of 1080p H.264, all segments in turn, beside gst-launch-1.0`, {
        ...measured, unit: "frames/s", target: { share: 0.95 },
    });
    row("Memory: worker that encodes 1080p, the most", { ours: [Math.max(...workers)], unit: "MB", target: { limit: 200 } });
    report.pipeline = pipeline.replaceAll(CACHE, "…");
}

// A service that has just started and has never looked into the film: playlist and first fragment.
export async function unprobed({ binary, paths }) {
    const folder = mkdtempSync(join(CACHE, "library-"));
    place(paths.h264, folder);
    const ours = await repeat(async () => {
        const service = await Service.start(binary, folder);
        let files = [];
        while (files.length === 0) ({ files } = await service.json("GET", "/api/files"));
        const begin = performance.now();
        const playlist = (await service.bytes("GET", `/hls/${files[0].id}/index.m3u8`)).toString();
        const rendition = /\/(vcopy[^/]*)\//.exec(playlist)[1];
        await service.firstFragment(`/media/${files[0].id}/${rendition}/0.m4s`);
        const seconds = (performance.now() - begin) / 1000;
        await service.stop();
        return seconds;
    });
    rmSync(folder, { recursive: true });
    row("Playlist and first fragment of a film never looked into, just after the service started: H.264, pass-through", { ours });
}
