// What one encoder for everybody comes to: what many viewers cost, and whether the heads' pieces fit together.
import { decodeTimes } from "./boxes.mjs";
import { RUNS, row } from "./table.mjs";

const CROWD = 100;

// Seconds of CPU time of all workers until everyone has read the film, reaped ones included.
async function encoderSeconds(service, film, viewers) {
    await service.rest(film);
    const before = service.workerSeconds();
    const { segments } = film.renditions.v1080;
    const view = async () => {
        for (let segment = 0; segment < segments; segment += 1) {
            await service.discard(service.segmentPath(film, "v1080", segment));
        }
    };
    await Promise.all(Array.from({ length: viewers }, view));
    await service.rest(film);
    return service.workerSeconds() - before;
}

export async function manyViewers({ service, films }) {
    const [ours, rival] = [[], []];
    for (let run = 0; run < RUNS; run += 1) {
        ours.push(await encoderSeconds(service, films.short, CROWD));
        rival.push(await encoderSeconds(service, films.short, 1));
    }
    row(`CPU time of all workers: ${CROWD} viewers of 20 s of 1080p H.264, beside one viewer`, {
        ours, rival, target: { most: 1.02 },
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
