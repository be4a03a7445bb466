// What a player reads before it asks for media, of a film of three hours.
import { median, row } from "./table.mjs";

const ROUNDS = 5;
// One answer takes about a millisecond: of so many the median is one value.
const ANSWERS = 21;

export async function manifests({ service, films }) {
    const film = films.hours;
    const playlist = (kind) => `/media/${film.id}/${film.renditions[kind].id}/index.m3u8`;
    const texts = {
        "the multivariant playlist": `/hls/${film.id}/index.m3u8`,
        "a playlist of the ladder": playlist("v72"),
        "the playlist of the copy": playlist("vcopy"),
        "the MPD": `/dash/${film.id}/manifest.mpd`,
    };
    for (const [name, path] of Object.entries(texts)) {
        const [times, sizes] = [[], []];
        for (let round = 0; round < ROUNDS; round += 1) {
            const answers = [];
            for (let n = 0; n < ANSWERS; n += 1) answers.push(await service.compressed(path));
            times.push(1000 * median(answers.map((answer) => answer.seconds)));
            sizes.push(median(answers.map((answer) => answer.kilobytes)));
        }
        row(`Three hours: ${name}, from the request to its last byte`, { ours: times, unit: "ms", target: { limit: 2 } });
        row(`Three hours: ${name}, compressed`, { ours: [median(sizes)], unit: "kB", target: { limit: 20 } });
    }
}
