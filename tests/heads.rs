//! What workers make of real films: every head, from wherever it starts, makes the fragments that the cut list
//! promises, and they decode to the pictures and the sound of the source.

mod support;

use std::sync::Arc;

use millrace::isobmff::{Fragment, SampleEntry};
use millrace::media::codec_string::codec_string;
use millrace::rendition::Rendition;
use millrace::timeline::{Rounding, rescale};
use support::{Film, Made, Pictures, chain, film, frames, head, head_by, head_within, psnr, samples, sound};

const PATTERN: &str = "testsrc2=s=320x180:d=12";
const X264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

/// Every kind of source, by name.
fn source(name: &'static str) -> Arc<Film> {
    let tone = |rate: u32| format!("-f lavfi -i sine=440:r={rate}:d=12");
    let at = |rate: &str| format!("-f lavfi -i {PATTERN}:r={rate}");
    let arguments = match name {
        "b-frames.mp4" => format!("{} {} {X264} -bf 2 -g 50 -c:a aac -ac 2", at("25"), tone(44_100)),
        "film.mkv" => {
            format!("{} {} {X264} -bf 3 -g 48 -c:a ac3 -ac 2", at("24000/1001"), tone(48_000))
        }
        "edit-list.mp4" => {
            let whole = "whole.mp4";
            film(whole, &format!("{} {} {X264} -bf 2 -g 30 -c:a aac", at("30000/1001"), tone(48_000)));
            format!("-ss 1.3 -i {whole} -c copy")
        }
        "open-gop.mkv" => format!(
            "{} -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params keyint=55:bframes=3:open-gop=1:log-level=error",
            at("25")
        ),
        "closed-gop.mkv" => format!(
            "{} -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params keyint=55:bframes=3:open-gop=0:log-level=error",
            at("25")
        ),
        "variable.mkv" => {
            format!(
                "{} -vf 'settb=1/1000,setpts=(N/25+0.1*sin(N/9)+0.7*floor(N/90))/TB' -fps_mode passthrough -enc_time_base 1:1000 {X264} -bf 2 -g 60",
                at("25")
            )
        }
        "broadcast.ts" => {
            format!("{} {} {X264} -bf 2 -g 40 -c:a aac -ac 2", at("25"), tone(48_000))
        }
        "interlaced.ts" => format!(
            "{} {} -c:v mpeg2video -pix_fmt yuv420p -flags +ilme+ildct -g 12 -bf 2 -b:v 3M -c:a mp2 -ac 2",
            at("25"),
            tone(48_000)
        ),
        "web.webm" => format!(
            "{} {} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50 -c:a libopus -ac 2",
            at("25"),
            tone(48_000)
        ),
        "old.avi" => {
            format!("{} {} -c:v mpeg4 -q:v 4 -vtag XVID -c:a libmp3lame -ac 2", at("25"), tone(44_100))
        }
        other => panic!("no source {other}"),
    };
    film(name, &arguments)
}

/// Problems of one film, all of them: one broken rendition does not hide another.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn check(&mut self, right: bool, what: impl FnOnce() -> String) {
        if !right {
            self.0.push(what());
        }
    }
}

impl Drop for Problems {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "\n  {}\n", self.0.join("\n  "));
        }
    }
}

fn each_rendition(name: &'static str, check: impl Fn(&Arc<Film>, &Rendition, &str, &mut Problems)) {
    let film = source(name);
    let mut problems = Problems::default();
    for rendition in film.plan.renditions() {
        check(&film, rendition, rendition.id.kind(), &mut problems);
    }
}

/// Everything that has to hold for the heads of a film.
fn heads_of(name: &'static str) {
    each_rendition(name, |film, rendition, kind, problems| {
        tiles_its_cut_list(film, rendition, kind, problems);
        starts_anywhere(film, rendition, kind, problems);
        goes_on_within_a_segment(film, rendition, kind, problems);
        match rendition.video() {
            Some(_) => shows_the_source(name, film, rendition, kind, problems),
            None => sounds_clean(film, rendition, kind, problems),
        }
    });
}

fn tiles_its_cut_list(film: &Arc<Film>, rendition: &Rendition, kind: &str, problems: &mut Problems) {
    let made = match head(film, kind, 0) {
        Ok(made) => made,
        Err(error) => return problems.check(false, || format!("{kind}: {error}")),
    };
    if may_end_early(film, rendition) {
        return;
    }
    problems.check(!made.early, || format!("{kind}: ended early"));
    let mut at = rendition.cuts.start();
    let mut decoded = at;
    for fragment in &made.fragments {
        let place = format!("{kind} segment {} part {}", fragment.segment.0, fragment.part);
        problems.check(fragment.start == at, || format!("{place}: starts at {}, not {at}", fragment.start));
        at = fragment.start + fragment.duration;
        let Some(range) = rendition.cuts.range(fragment.segment) else {
            return problems.check(false, || format!("{place}: is beyond the end"));
        };
        if fragment.part == 0 {
            problems.check(fragment.start == range.start, || format!("{place}: not at {}", range.start));
            let independent = fragment.independent || !rendition.cuts.independent;
            problems.check(independent, || format!("{place}: is not independent"));
        }
        problems.check(fragment.last == (at == range.end), || format!("{place}: last, and ends at {at}"));
        if !rendition.copied {
            let end = rendition.fragments.fragment_end(&range, fragment.start);
            problems.check(at == end, || format!("{place}: ends at {at}, the rule says {end}"));
        }
        let (decode_time, listed) = samples(fragment);
        let sum: i64 = listed.iter().map(|(duration, _)| i64::from(*duration)).sum();
        problems.check(decode_time == decoded, || format!("{place}: tfdt {decode_time}, not {decoded}"));
        decoded = decode_time + sum;
        if !rendition.copied || rendition.audio().is_some() {
            // Nothing is reordered: decode times are presentation times.
            problems.check(decoded == at, || format!("{place}: decoded until {decoded}, shown until {at}"));
        }
        let early = listed.iter().any(|(_, offset)| *offset < 0);
        problems.check(!early, || format!("{place}: shown before it is decoded"));
        problems.check(listed.iter().all(|(duration, _)| *duration > 0), || format!("{place}: empty sample"));
    }
    problems
        .check(at == rendition.cuts.end(), || format!("{kind}: ends at {at} of {}", rendition.cuts.end()));
}

/// qtdemux stops a track of sync samples when its media time passes the movie's length: an edit list that skips
/// the beginning costs the copied sound as much of its end.
fn may_end_early(film: &Film, rendition: &Rendition) -> bool {
    const SKIPPED_NS: i64 = 100_000_000;
    let track = rendition.audio().map(|_| &film.info.audio[rendition.track]);
    rendition.copied && track.is_some_and(|track| track.facts.edit_offset_ns > SKIPPED_NS)
}

/// Three places of a cut list to start a head at.
fn places(rendition: &Rendition) -> Vec<u32> {
    let count = rendition.cuts.segment_count();
    let mut places: Vec<u32> =
        [1, count / 2, count - 1].into_iter().filter(|&k| 0 < k && k < count).collect();
    places.dedup();
    places
}

fn starts_anywhere(film: &Arc<Film>, rendition: &Rendition, kind: &str, problems: &mut Problems) {
    let Ok(whole) = head(film, kind, 0) else {
        return;
    };
    for k in places(rendition) {
        let made = match head(film, kind, k) {
            Ok(made) => made,
            Err(error) => {
                problems.check(false, || format!("{kind} from {k}: {error}"));
                continue;
            }
        };
        let expected = whole.since(k);
        problems.check(made.fragments.len() == expected.len(), || {
            format!("{kind} from {k}: {} fragments, not {}", made.fragments.len(), expected.len())
        });
        let differs = made.fragments.iter().zip(expected).find(|(a, b)| {
            let place = |f: &Fragment| (f.segment, f.part, f.start, f.duration, f.last, f.independent);
            place(a) != place(b) || samples(a) != samples(b) || (rendition.copied && a.bytes != b.bytes)
        });
        problems.check(differs.is_none(), || {
            let (a, b) = differs.expect("checked");
            format!(
                "{kind} from {k}: segment {} part {} is {}+{} {:?} ({} bytes), from 0 {}+{} {:?} ({} bytes)",
                b.segment.0,
                b.part,
                a.start,
                a.duration,
                samples(a),
                a.bytes.len(),
                b.start,
                b.duration,
                samples(b),
                b.bytes.len()
            )
        });
        problems.check(made.entry == whole.entry, || format!("{kind} from {k}: another sample entry"));
    }
}

/// A head that died in the middle of a segment is followed by one that makes the rest of it: the fragments of both
/// are one segment that decodes whole.
fn goes_on_within_a_segment(film: &Arc<Film>, rendition: &Rendition, kind: &str, problems: &mut Problems) {
    let Ok(whole) = head(film, kind, 0) else {
        return;
    };
    let k = rendition.cuts.segment_count() / 2;
    let parts = whole.since(k).iter().take_while(|fragment| fragment.segment.0 == k).count();
    let part = (parts / 2) as u32;
    let rest = match head_within(film, kind, k, part) {
        Ok(rest) => rest,
        Err(error) => return problems.check(false, || format!("{kind} from {k}.{part}: {error}")),
    };
    let expected = &whole.since(k)[part as usize..];
    let place =
        |f: &millrace::isobmff::Fragment| (f.segment, f.part, f.start, f.duration, f.last, samples(f));
    let same = rest.fragments.iter().map(place).eq(expected.iter().map(place));
    problems.check(same, || format!("{kind} from {k}.{part}: other fragments than one head makes"));
    let independent = rest.fragments.first().is_some_and(|fragment| fragment.independent);
    problems.check(independent || rendition.copied, || format!("{kind} from {k}.{part}: is not independent"));
    if rendition.copied {
        let bytes = rest.fragments.iter().map(|f| &f.bytes).eq(expected.iter().map(|f| &f.bytes));
        problems.check(bytes, || format!("{kind} from {k}.{part}: other bytes than one head makes"));
    } else if rendition.video().is_some() {
        let begun = &whole.fragments[..whole.fragments.len() - expected.len()];
        let shown = Pictures::of(whole.movie(begun.iter().chain(&rest.fragments)).path());
        problems
            .check(shown.complaints.is_empty(), || format!("{kind} from {k}.{part}: {}", shown.complaints));
        let count: usize = whole.fragments.iter().map(|fragment| samples(fragment).1.len()).sum();
        problems
            .check(shown.count() == count, || format!("{kind} from {k}.{part}: {} pictures", shown.count()));
        let reference = Pictures::of(whole.movie(&whole.fragments).path());
        let before: usize = begun.iter().map(|fragment| samples(fragment).1.len()).sum();
        for n in [before.saturating_sub(1), before, before + 3] {
            let alike = shown.picture(n).zip(reference.picture(n)).map_or(0.0, |(a, b)| psnr(a, b));
            problems.check(alike >= SAME_PICTURE_DB, || {
                format!("{kind} from {k}.{part}: picture {n}, {alike:.1} dB")
            });
        }
    }
}

/// Like enough, after two encoders.
const SAME_PICTURE_DB: f64 = 26.0;

fn shows_the_source(
    name: &str,
    film: &Arc<Film>,
    rendition: &Rendition,
    kind: &str,
    problems: &mut Problems,
) {
    let Ok(whole) = head(film, kind, 0) else {
        return;
    };
    let shown = Pictures::of(whole.movie(&whole.fragments).path());
    problems.check(shown.complaints.is_empty(), || format!("{kind}: ffmpeg says {}", shown.complaints));
    let count: usize = whole.fragments.iter().map(|fragment| samples(fragment).1.len()).sum();
    problems.check(shown.count() == count, || format!("{kind}: {} pictures of {count}", shown.count()));
    for k in places(rendition) {
        let Ok(made) = head(film, kind, k) else {
            continue;
        };
        let from_here = Pictures::of(made.movie(&made.fragments).path());
        // An open group of pictures cannot show its leading pictures without the group before.
        if rendition.cuts.independent {
            let complaints = &from_here.complaints;
            problems.check(complaints.is_empty(), || format!("{kind} from {k}: ffmpeg says {complaints}"));
            let before: usize = whole.until(k).iter().map(|fragment| samples(fragment).1.len()).sum();
            for n in [0, 1, 5] {
                let both = from_here.picture(n).zip(shown.picture(before + n));
                let alike = both.map_or(0.0, |(a, b)| psnr(a, b));
                problems.check(alike >= SAME_PICTURE_DB, || {
                    format!("{kind} from {k}: picture {n} is only {alike:.1} dB like the one from 0")
                });
            }
        }
    }
    // Variable rates and broken edges may show a picture twice; a constant source is shown one to one.
    // AVI holds no frame where nothing changes: its picture is shown for longer.
    let filled = if name == "old.avi" { "-fps_mode cfr -r 25" } else { "-fps_mode passthrough" };
    let film_pictures = Pictures::with(&film.path, filled);
    if !matches!(name, "variable.mkv") {
        for n in (0..shown.count().min(film_pictures.count())).step_by(37) {
            let best = (n.saturating_sub(3)..n + 4)
                .filter_map(|m| Some((m, psnr(shown.picture(n)?, film_pictures.picture(m)?))))
                .max_by(|a, b| a.1.total_cmp(&b.1));
            problems.check(best.is_some_and(|(m, _)| m == n), || {
                format!("{kind}: picture {n} is most like {best:?} of the source")
            });
        }
    }
}

fn sounds_clean(film: &Arc<Film>, rendition: &Rendition, kind: &str, problems: &mut Problems) {
    let Ok(whole) = head(film, kind, 0) else {
        return;
    };
    let channels = rendition.audio().map_or(2, |form| usize::from(form.channels));
    let (heard, complaints) = sound(whole.movie(&whole.fragments).path(), channels);
    problems.check(complaints.is_empty(), || format!("{kind}: ffmpeg says {complaints}"));
    let rate = rendition.audio().map_or(48_000, |form| form.sample_rate);
    let ticks = rendition.cuts.end() - rendition.cuts.start();
    let expected = rescale(ticks, rendition.cuts.timescale, rate, Rounding::Nearest);
    let missing = expected - heard[0].len() as i64;
    let missing = if may_end_early(film, rendition) { 0 } else { missing };
    problems.check(missing.abs() <= 2048, || format!("{kind}: {missing} samples missing"));
}

#[test]
fn an_mp4_with_b_frames_is_made_exactly() {
    heads_of("b-frames.mp4");
}

#[test]
fn a_film_in_matroska_is_made_exactly() {
    heads_of("film.mkv");
}

#[test]
fn an_mp4_that_an_edit_list_shortens_is_made_exactly() {
    heads_of("edit-list.mp4");
}

#[test]
fn hevc_with_open_groups_is_made_exactly() {
    assert!(!source("open-gop.mkv").rendition("vcopy").cuts.independent);
    heads_of("open-gop.mkv");
}

#[test]
fn hevc_with_closed_groups_is_made_exactly() {
    heads_of("closed-gop.mkv");
}

#[test]
fn a_variable_rate_is_made_exactly() {
    assert!(!source("variable.mkv").info.video[0].constant_rate);
    heads_of("variable.mkv");
}

#[test]
fn a_transport_stream_is_made_exactly() {
    heads_of("broadcast.ts");
}

#[test]
fn an_interlaced_broadcast_is_made_exactly() {
    assert!(source("interlaced.ts").info.video[0].interlaced);
    heads_of("interlaced.ts");
}

#[test]
fn a_webm_is_made_exactly() {
    heads_of("web.webm");
}

#[test]
fn an_old_avi_is_made_exactly() {
    heads_of("old.avi");
}

/// Whole heads of a rendition, one by each profile that can make it.
fn by_every_profile(film: &Arc<Film>, kind: &str) -> Vec<Arc<Made>> {
    let made = |attempt| head_by(film, kind, 0, attempt).unwrap_or_else(|error| panic!("{kind}: {error}"));
    (0..chain(film, kind).len()).map(made).collect()
}

/// Segments of the first profile and the second by turns, and the other way round, each behind both inits.
fn by_turns(heads: &[Arc<Made>], segments: u32) -> Vec<tempfile::NamedTempFile> {
    let turns = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let movie = |(init, first): (usize, usize)| {
        heads[init].movie((0..segments).flat_map(|k| heads[(first + k as usize) % 2].segment(k)))
    };
    turns.map(movie).into()
}

fn configuration_record(made: &Made) -> &[u8] {
    match &made.entry {
        SampleEntry::Video(video) => &video.config.1,
        SampleEntry::Audio(_) => panic!("a video's entry"),
    }
}

/// Colours, size and level as the source is not, so that no player guesses them.
fn interchange_source(name: &'static str) -> Arc<Film> {
    let marks = "-colorspace bt709 -color_primaries bt709 -color_trc bt709";
    match name {
        "colours.mkv" => film(name, &format!("-f lavfi -i {PATTERN}:r=25 {X264} {marks} -g 50")),
        other => source(other),
    }
}

const INTERCHANGED: [&str; 4] = ["colours.mkv", "film.mkv", "variable.mkv", "interlaced.ts"];

#[test]
fn segments_of_every_encoder_have_the_same_boxes_and_the_same_promise() {
    for name in INTERCHANGED {
        let film = interchange_source(name);
        for rendition in film.plan.video.iter().filter(|rendition| !rendition.copied) {
            let kind = rendition.id.kind();
            assert_eq!(chain(&film, kind), ["software", "openh264"], "{name} {kind}");
            let heads = by_every_profile(&film, kind);
            let boxes = |made: &Made| -> Vec<_> {
                let place = |f: &Fragment| (f.segment, f.part, f.start, f.duration, f.last, f.independent);
                made.fragments.iter().map(|f| (place(f), samples(f))).collect()
            };
            assert_eq!(boxes(&heads[0]), boxes(&heads[1]), "{name} {kind}");
            for (made, profile) in heads.iter().zip(chain(&film, kind)) {
                let record = configuration_record(made);
                assert_eq!(codec_string("h264", record).as_ref(), Some(&rendition.codec_string), "{profile}");
                for k in 0..rendition.cuts.segment_count() {
                    let bytes: usize = made.segment(k).map(|fragment| fragment.bytes.len()).sum();
                    let ticks: i64 = made.segment(k).map(|fragment| fragment.duration).sum();
                    let rate = bytes as f64 * 8.0 * f64::from(rendition.cuts.timescale) / ticks as f64;
                    let peak = f64::from(rendition.bandwidth.peak);
                    assert!(
                        rate <= peak,
                        "{name} {kind} by {profile}: segment {k} has {rate:.0} of {peak} bit/s"
                    );
                }
            }
        }
    }
}

#[test]
fn segments_of_two_encoders_by_turns_decode_to_the_source_behind_either_init() {
    for name in INTERCHANGED {
        let film = interchange_source(name);
        let film_pictures = Pictures::with(&film.path, "-fps_mode passthrough");
        for rendition in film.plan.video.iter().filter(|rendition| !rendition.copied) {
            let kind = rendition.id.kind();
            let heads = by_every_profile(&film, kind);
            let count =
                |fragments: &[Fragment]| -> usize { fragments.iter().map(|f| samples(f).1.len()).sum() };
            let segments = rendition.cuts.segment_count();
            let firsts: Vec<usize> = (0..segments).map(|k| count(heads[0].until(k))).collect();
            for (turn, movie) in by_turns(&heads, segments).iter().enumerate() {
                let place = format!("{name} {kind}, turn {turn}");
                let shown = Pictures::of(movie.path());
                assert!(shown.complaints.is_empty(), "{place}: ffmpeg says {}", shown.complaints);
                assert_eq!(shown.count(), count(&heads[0].fragments), "{place}");
                // Repeated and dropped pictures: there the two heads are compared with each other only.
                let same_times = name != "variable.mkv" && shown.count() == film_pictures.count();
                for first in firsts.iter().flat_map(|first| [*first, first + 1, first + 5]) {
                    let (Some(seen), Some(source)) = (shown.picture(first), film_pictures.picture(first))
                    else {
                        continue;
                    };
                    let alike = psnr(seen, source);
                    assert!(
                        !same_times || alike >= SAME_PICTURE_DB,
                        "{place}: picture {first} has {alike:.1} dB"
                    );
                }
                every_frame_is_as_promised(&film, rendition, movie, &firsts, &place);
            }
        }
    }
}

/// As the parameter sets in front of each random access point say it, read by `ffprobe`.
fn every_frame_is_as_promised(
    film: &Film,
    rendition: &Rendition,
    movie: &tempfile::NamedTempFile,
    firsts: &[usize],
    place: &str,
) {
    let form = rendition.video().expect("video");
    let matrix = match form.colour.matrix {
        1 => "bt709",
        6 => "smpte170m",
        5 => "bt470bg",
        other => panic!("{:?} has matrix {other}", film.path),
    };
    for (n, frame) in frames(movie.path()).iter().enumerate() {
        let size = (frame["width"].as_u64(), frame["height"].as_u64());
        assert_eq!(size, (Some(form.width.into()), Some(form.height.into())), "{place}: frame {n}");
        assert_eq!(frame["color_space"], matrix, "{place}: frame {n}");
        assert_eq!(frame["color_range"], "tv", "{place}: frame {n}");
        assert_ne!(frame["pict_type"], "B", "{place}: frame {n}");
        if firsts.contains(&n) {
            assert_eq!(
                (&frame["key_frame"], &frame["pict_type"]),
                (&1.into(), &"I".into()),
                "{place}: frame {n}"
            );
        }
    }
}

#[test]
fn the_second_encoder_starts_anywhere_too() {
    let film = source("b-frames.mp4");
    for rendition in film.plan.video.iter().filter(|rendition| !rendition.copied) {
        let kind = rendition.id.kind();
        let whole = head_by(&film, kind, 0, 1).unwrap_or_else(|error| panic!("{error}"));
        for k in places(rendition) {
            let made = head_by(&film, kind, k, 1).unwrap_or_else(|error| panic!("{kind} from {k}: {error}"));
            let boxes = |fragments: &[Fragment]| -> Vec<_> {
                fragments.iter().map(|f| (f.segment, f.part, f.start, f.duration, samples(f))).collect()
            };
            assert_eq!(boxes(&made.fragments), boxes(whole.since(k)), "{kind} from {k}");
            assert_eq!(made.entry, whole.entry, "{kind} from {k}");
        }
    }
}

/// Pink noise: its correlation with itself has one sharp peak.
const NOISE: &str = "anoisesrc=color=pink:amplitude=0.5:seed=7:r=48000:d=12";
const PICTURE: &str = "-f lavfi -i color=gray:s=320x180:r=25:d=12";

fn noise(name: &'static str) -> Arc<Film> {
    let codec = match name {
        "noise-pcm.mkv" => "pcm_s16le -ac 2",
        "noise-flac.mkv" => "flac -ac 2",
        "noise-ac3.mkv" => "ac3 -ac 2 -b:a 448k",
        "noise-opus.mkv" => "libopus -ac 2 -b:a 256k",
        "noise-mp3.mkv" => "libmp3lame -ac 2 -b:a 320k",
        "noise-mp2.ts" => "mp2 -ac 2 -b:a 384k",
        other => panic!("no noise {other}"),
    };
    film(name, &format!("{PICTURE} -f lavfi -i {NOISE} {X264} -c:a {codec}"))
}

/// By how many samples `late` lags `reference`, looked for around sample `at`.
fn lag(reference: &[f32], late: &[f32], at: usize) -> i64 {
    const WINDOW: usize = 3000;
    const REACH: usize = 3000;
    let pattern = &reference[at..at + WINDOW];
    let score = |shift: usize| -> f32 {
        let start = at + shift - REACH;
        pattern.iter().zip(&late[start..start + WINDOW]).map(|(a, b)| a * b).sum()
    };
    let best = (0..2 * REACH).max_by(|a, b| score(*a).total_cmp(&score(*b))).expect("some shift");
    best as i64 - REACH as i64
}

/// How loud the error of `heard` is where it is loudest: the root of its mean square over a thousandth of a second, so that
/// a click stands out from the noise of the coding.
fn loudest_error(heard: &[f32], source: &[f32]) -> f32 {
    const WINDOW: usize = 64;
    let squares: Vec<f64> = heard.iter().zip(source).map(|(a, b)| f64::from(a - b).powi(2)).collect();
    let mut sum: f64 = squares[..WINDOW].iter().sum();
    let mut most = sum;
    for (old, new) in squares.iter().zip(&squares[WINDOW..]) {
        sum += new - old;
        most = most.max(sum);
    }
    (most / WINDOW as f64).sqrt() as f32
}

fn sound_keeps_its_place(name: &'static str) {
    let film = noise(name);
    let whole = head(&film, "a0aac", 0).unwrap_or_else(|error| panic!("{error}"));
    let (source, _) = sound(&film.path, 2);
    let (heard, complaints) = sound(whole.movie(&whole.fragments).path(), 2);
    assert!(complaints.is_empty(), "{complaints}");
    let lags = [10_000, 200_000, 500_000].map(|at| lag(&source[0], &heard[0], at));
    println!("{name}: the encoded sound lags by {lags:?} samples");
    assert!(lags.iter().all(|lag| lag.abs() <= 32), "{name}: lags by {lags:?} samples");
}

#[test]
fn encoded_sound_is_heard_when_it_was_heard_in_the_source() {
    let names = [
        "noise-pcm.mkv",
        "noise-flac.mkv",
        "noise-ac3.mkv",
        "noise-opus.mkv",
        "noise-mp3.mkv",
        "noise-mp2.ts",
    ];
    names.into_iter().for_each(sound_keeps_its_place);
}

#[test]
fn sound_goes_on_without_a_click_where_one_head_takes_over_from_another() {
    for name in ["noise-pcm.mkv", "noise-ac3.mkv", "noise-mp3.mkv"] {
        let film = noise(name);
        let whole = head(&film, "a0aac", 0).unwrap_or_else(|error| panic!("{error}"));
        let (source, _) = sound(&film.path, 2);
        // Each encoder has its own noise; a join may not be worse than the noisier of the two.
        let other = head_by(&film, "a0aac", 0, 1).unwrap_or_else(|error| panic!("{error}"));
        let [one, by_other] =
            [&whole, &other].map(|made| sound(made.movie(&made.fragments).path(), 2).0.swap_remove(0));
        let error = |heard: &[f32], from: usize| loudest_error(heard, &source[0][from..]);
        // Where a film begins and ends everything is off.
        let inner = 4096..one.len() - 8192;
        let [coded, coded_by_other] =
            [&one, &by_other].map(|heard| error(&heard[inner.clone()], inner.start));
        for (k, attempt) in [(1, 0), (3, 0), (5, 0), (2, 1), (4, 1)] {
            let second = head_by(&film, "a0aac", k, attempt).unwrap_or_else(|error| panic!("{error}"));
            let joined = whole.movie(whole.until(k).iter().chain(&second.fragments));
            let (two, complaints) = sound(joined.path(), 2);
            assert!(complaints.is_empty(), "{complaints}");
            assert_eq!(one.len(), two[0].len());
            let at = second.fragments[0].start as usize;
            let (before, after) = (at - 1024, at + 2048);
            let [joined, slipped] = [0, 1].map(|by| error(&two[0][before..after], before + by));
            let coded = if attempt == 0 { coded } else { coded.max(coded_by_other) };
            println!(
                "{name}: joined at {k}, attempt {attempt}, the sound is off by {joined}, its coding by up to {coded}, \
                 one sample missing by {slipped}"
            );
            assert!(joined < 1.25 * coded, "{name} joined at {k}: {joined} against {coded}");
            assert!(joined < slipped, "{name} joined at {k}: {joined}, with one sample missing {slipped}");
        }
    }
}

/// Sound that starts half a second after the picture.
#[test]
fn sound_that_starts_late_stays_late() {
    for (name, codec, kind) in [("late.mkv", "ac3", "a0aac"), ("late.mp4", "aac", "a0copy")] {
        let film = film(
            name,
            &format!("{PICTURE} -itsoffset 0.5 -f lavfi -i sine=440:r=48000:d=11 {X264} -c:a {codec} -ac 2"),
        );
        let made = head(&film, kind, 0).unwrap_or_else(|error| panic!("{error}"));
        let (heard, _) = sound(made.movie(&made.fragments).path(), 2);
        // A decoder starts with the first fragment, which has its own time.
        let first = heard[0].iter().position(|value| value.abs() > 0.02).expect("some sound");
        let at = first as i64 + made.fragments[0].start;
        println!("{name}: {kind} is heard from sample {at}");
        assert!((at - 24_000).abs() <= 1600, "{name}: heard from sample {at} of 48000 Hz");
    }
}

/// A grey picture with a red corner at the top left.
const CORNER: &str = "-f lavfi -i color=gray:s=320x180:r=25:d=3,drawbox=0:0:100:70:red:fill";

#[test]
fn turned_stretched_and_odd_pictures_come_out_upright_and_even() {
    film("flat.mp4", &format!("{CORNER} {X264}"));
    let turned = |name, angle: &str| film(name, &format!("-i flat.mp4 -c copy -metadata:s:v rotate={angle}"));
    let encoded = |name, filter: &str, pixels: &str| {
        film(name, &format!("{CORNER} -vf {filter} {X264} -pix_fmt {pixels}"))
    };
    let films = [
        (turned("right.mov", "90"), (180, 320)),
        (turned("over.mov", "180"), (320, 180)),
        (turned("left.mov", "270"), (180, 320)),
        (encoded("wide.mkv", "scale=360:288,setsar=16/11", "yuv420p"), (522, 288)),
        (encoded("wide.mp4", "scale=360:288,setsar=16/11", "yuv420p"), (522, 288)),
        (encoded("odd.mkv", "scale=321:181", "yuv444p"), (320, 180)),
    ];
    for (film, (width, height)) in films {
        let place = film.path.display();
        let rendition = film.plan.video.iter().find(|rendition| !rendition.copied).expect("an encoded one");
        let form = rendition.video().expect("video");
        assert_eq!((form.width, form.height), (width, height), "{place}");
        let made = head(&film, rendition.id.kind(), 0).unwrap_or_else(|error| panic!("{error}"));
        let movie = made.movie(&made.fragments);
        // `ffmpeg` turns the source on its own.
        let (shown, source) = (Pictures::of(movie.path()), Pictures::of(&film.path));
        assert!(shown.complaints.is_empty(), "{place}: {}", shown.complaints);
        for n in [0, 40] {
            let alike = psnr(shown.picture(n).expect("shown"), source.picture(n).expect("in the source"));
            assert!(alike > 24.0, "{place}: picture {n} is only {alike:.1} dB like the source");
        }
    }
}

/// Strength of one frequency in a second of sound.
fn strength(heard: &[f32], frequency: f64) -> f64 {
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, value) in heard[48_000..96_000].iter().enumerate() {
        let angle = std::f64::consts::TAU * frequency * n as f64 / 48_000.0;
        sine += f64::from(*value) * angle.sin();
        cosine += f64::from(*value) * angle.cos();
    }
    sine.hypot(cosine) / 24_000.0
}

/// 5.1 in every codec that goes into CMAF as it is, in one film.
fn surround(name: &'static str) -> Arc<Film> {
    let tones = [300, 500, 700, 60, 1100, 1300].map(|hertz| format!("0.2*sin(2*PI*{hertz}*t)")).join("|");
    let all = "surround.mkv";
    let whole = film(
        all,
        &format!(
            "-f lavfi -i {PATTERN}:r=25 -f lavfi -i 'aevalsrc={tones}:c=5.1:s=48000:d=12' -map 0 -map 1 -map 1 -map 1 \
             -map 1 -map 1 {X264} -g 50 -c:a:0 ac3 -c:a:1 eac3 -c:a:2 flac -c:a:3 aac -c:a:4 libopus \
             -mapping_family:a:4 1 -ac 6"
        ),
    );
    match name {
        "surround.mkv" => whole,
        "surround.mp4" => film(name, &format!("-i {all} -map 0 -map -0:a:4 -c copy -strict -2")),
        _ => film(name, &format!("-i {all} -map 0:v -map 0:a:0 -map 0:a:1 -c copy")),
    }
}

/// A hash of each packet of a stream.
fn packets(path: &std::path::Path, stream: usize) -> Vec<String> {
    let listed =
        support::ffmpeg(&format!("-i {} -map 0:a:{stream} -c copy -f framehash -hash md5 -", path.display()));
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    // Side data may follow the packet's own hash.
    let hash = |line: &str| line.split(',').nth(5).map(|hash| hash.trim().to_owned());
    text.lines().filter(|line| !line.starts_with('#')).filter_map(hash).collect()
}

fn copied_sound_is_the_source_s(name: &'static str, codec_strings: &[&str]) {
    let film = surround(name);
    let mut problems = Problems::default();
    let copies: Vec<_> = film.plan.audio.iter().filter(|rendition| rendition.copied).collect();
    let found: Vec<&str> = copies.iter().map(|rendition| rendition.codec_string.as_str()).collect();
    assert_eq!(found, codec_strings, "{name}");
    for rendition in copies {
        let kind = rendition.id.kind();
        assert_eq!(rendition.audio().map(|form| form.channels), Some(6), "{kind}");
        tiles_its_cut_list(&film, rendition, kind, &mut problems);
        starts_anywhere(&film, rendition, kind, &mut problems);
        goes_on_within_a_segment(&film, rendition, kind, &mut problems);
        let made = head(&film, kind, 0).unwrap_or_else(|error| panic!("{name} {kind}: {error}"));
        let (source, copied) =
            (packets(&film.path, rendition.track), packets(made.movie(&made.fragments).path(), 0));
        let same = source.windows(copied.len().max(1)).any(|run| run == copied);
        // An edit list may hide the encoder's first packets.
        problems.check(same && copied.len() + 3 > source.len(), || {
            format!(
                "{name} {kind}: {} packets, {} in the source, the same: {same}",
                copied.len(),
                source.len()
            )
        });
    }
}

#[test]
fn copied_sound_is_the_source_s_packet_for_packet() {
    copied_sound_is_the_source_s("surround.mkv", &["ac-3", "ec-3", "fLaC", "mp4a.40.2", "opus"]);
    copied_sound_is_the_source_s("surround.mp4", &["ac-3", "ec-3", "fLaC", "mp4a.40.2"]);
    copied_sound_is_the_source_s("surround.ts", &["ac-3", "ec-3"]);
}

#[test]
fn every_channel_of_surround_sound_is_heard_where_it_belongs() {
    let tones = [300, 500, 700, 60, 1100, 1300].map(|hertz| format!("0.2*sin(2*PI*{hertz}*t)")).join("|");
    for (name, codec) in [
        ("surround-ac3.mkv", "ac3 -b:a 640k"),
        ("surround-flac.mkv", "flac"),
        ("surround-aac.mp4", "aac -b:a 640k"),
    ] {
        let film = film(name, &format!("-f lavfi -i 'aevalsrc={tones}:c=5.1:s=48000:d=5' -c:a {codec}"));
        let made = head(&film, "a0aac", 0).unwrap_or_else(|error| panic!("{error}"));
        let (heard, complaints) = sound(made.movie(&made.fragments).path(), 2);
        assert!(complaints.is_empty(), "{name}: {complaints}");
        let levels = |channel: usize| {
            [300.0, 500.0, 700.0, 1100.0, 1300.0].map(|hertz| strength(&heard[channel], hertz) / 0.2)
        };
        println!("{name}: left {:.3?}, right {:.3?}", levels(0), levels(1));
        let expected = [[0.707, 0.0, 0.5, 0.5, 0.0], [0.0, 0.707, 0.5, 0.0, 0.5]];
        for (channel, expected) in expected.iter().enumerate() {
            let off = levels(channel).iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 0.05, "{name} channel {channel}: {:.3?}, not {expected:?}", levels(channel));
        }
        assert!(heard.iter().flatten().all(|value| value.abs() < 0.99), "{name} clips");
    }
}
