// What one encoder for everybody comes to: what many viewers cost, and whether the heads' pieces fit together.
import { decodeTimes } from "./boxes.mjs";
import { RUNS, row } from "./table.mjs";

const CROWD = 100;
const RUNGS = ["v720", "v360"];

// Seconds of CPU time of all workers until each viewer has read the film in the rendition given, reaped ones included.
async function encoderSeconds(service, film, viewers) {
    await service.rest(film);
    const before = service.workerSeconds();
    const view = async (kind) => {
        for (let segment = 0; segment < film.renditions[kind].segments; segment += 1) {
            await service.discard(service.segmentPath(film, kind, segment));
        }
    };
    await Promise.all(viewers.map(view));
    await service.rest(film);
    return service.workerSeconds() - before;
}

export async function manyViewers({ service, films }) {
    const [ours, rival] = [[], []];
    for (let run = 0; run < RUNS; run += 1) {
        ours.push(await encoderSeconds(service, films.short, Array(CROWD).fill("v1080")));
        rival.push(await encoderSeconds(service, films.short, ["v1080"]));
    }
    row(`CPU time of all workers: ${CROWD} viewers of 20 s of 1080p H.264, beside one viewer`, {
        ours, rival, target: { most: 1.02 },
    });
}

// Both sizes at once, and each of them by itself.
export async function twoRungs({ service, films }) {
    const [ours, rival] = [[], []];
    for (let run = 0; run < RUNS; run += 1) {
        ours.push(await encoderSeconds(service, films.hevc20, RUNGS));
        let alone = 0;
        for (const kind of RUNGS) alone += await encoderSeconds(service, films.hevc20, [kind]);
        rival.push(alone);
    }
    row("CPU time of all workers: 20 s of 10-bit HEVC for two viewers with 720 and 360 lines, beside one after the other", {
        ours, rival, target: { most: 0.9 },
    });
}

// Segments in front of the join; the head behind it has started on its own, right there.
const JOINS = [7, 40, 150];

export async function joins({ service, films }) {
    const film = films.long;
    const errors = [];
    for (const kind of Object.keys(film.renditions)) {
        for (const before of JOINS) {
            await service.rest(film);
            const behind = await service.bytes("GET", service.segmentPath(film, kind, before + 1));
            await service.bytes("GET", service.segmentPath(film, kind, before - 2));
            const front = await service.bytes("GET", service.segmentPath(film, kind, before));
            errors.push(Math.abs(decodeTimes(front).end - decodeTimes(behind).start));
        }
    }
    await service.rest(film);
    row("Join error between two heads, the most over all renditions", {
        ours: [Math.max(...errors)], unit: "ticks", target: { limit: 0 },
    });
}
